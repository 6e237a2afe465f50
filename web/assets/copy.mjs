// Copies what the pages need of the pinned packages into ../static/web/vendor, with the licences.
// The result is committed: an installation needs no Node.
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const packages = join(here, "node_modules");
const vendor = join(here, "..", "static", "web", "vendor");

// Every icon that a template names; `npm run build` after adding one.
const ICONS = (await readFile(join(here, "icons.txt"), "utf8")).split(/\s+/).filter(Boolean);

const FILES = {
  "tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
  "tabler/tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
  "htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
  "htmx/LICENSE": "htmx.org/LICENSE",
  "icons/LICENSE": "@tabler/icons/LICENSE",
  "pretendard/LICENSE.txt": "pretendard/dist/LICENSE.txt",
  "pretendard/pretendard.css": "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css",
  "pretendard/woff2-dynamic-subset": "pretendard/dist/web/variable/woff2-dynamic-subset",
  "tabler/LICENSE-popper.md": "@popperjs/core/LICENSE.md",
};

await rm(vendor, { recursive: true, force: true });
for (const [target, source] of Object.entries(FILES)) {
  await mkdir(join(vendor, target, ".."), { recursive: true });
  await cp(join(packages, source), join(vendor, target), { recursive: true });
}
for (const name of await readdir(join(here, "licences"))) {
  // Packages that name their licence without carrying its text.
  await cp(join(here, "licences", name), join(vendor, name.split(".")[0], "LICENSE"));
}
for (const name of ["tabler/tabler.min.css", "tabler/tabler.min.js"]) {
  const text = await readFile(join(vendor, name), "utf8");
  await writeFile(join(vendor, name), text.replace(/\n?\/[/*]# sourceMappingURL=[^\n]*\n?/, "\n"));
}

const symbols = await Promise.all(
  ICONS.sort().map(async (name) => {
    const svg = await readFile(join(packages, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const paths = svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>"));
    const drawn = paths.replace(/\s*<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, "").replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${drawn}</symbol>`;
  }),
);
await writeFile(
  join(vendor, "icons", "icons.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
);
