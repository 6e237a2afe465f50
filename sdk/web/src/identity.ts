import type { Person, Properties } from "./api";
import { randomId } from "./ids";
import type { KeyStore } from "./storage";

interface Known extends Person {
  /** What the app's server vouched for the user id with. */
  signature?: string;
}

/** Who is using the app, the same in every tab: storage is read each time, memory only serves where it fails. */
export class Identity {
  private known: Known | null = null;

  constructor(private readonly store: KeyStore) {}

  current(): Known {
    const stored = this.store.getObject<Partial<Known>>("person");
    if (stored && typeof stored.anonymousId === "string" && stored.anonymousId) {
      this.known = {
        anonymousId: stored.anonymousId,
        userId: typeof stored.userId === "string" ? stored.userId : null,
        traits: stored.traits && typeof stored.traits === "object" ? stored.traits : {},
        ...(typeof stored.signature === "string" ? { signature: stored.signature } : {}),
      };
    } else {
      // Never stored, or cleared under us: whoever this page knew stays the person.
      this.save(this.known ?? { anonymousId: randomId(), userId: null, traits: {} });
    }
    return this.known!;
  }

  /**
   * Adds a user id and traits; true when that made it another person.
   *
   * Another user id than the known one is somebody else on the same device, who must not inherit the anonymous id.
   */
  identify(userId: string | null, traits: Properties, given?: string): boolean {
    const person = this.current();
    const replaced = userId !== null && person.userId !== null && person.userId !== userId;
    const signature = given ?? (replaced ? undefined : person.signature);
    this.save({
      anonymousId: replaced ? randomId() : person.anonymousId,
      userId: userId ?? person.userId,
      traits: replaced ? traits : { ...person.traits, ...traits },
      ...(signature ? { signature } : {}),
    });
    return replaced;
  }

  reset(): void {
    this.save({ anonymousId: randomId(), userId: null, traits: {} });
  }

  private save(person: Known): void {
    this.known = person;
    this.store.setObject("person", person);
  }
}
