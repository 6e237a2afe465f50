/**
 * The modal's style sheet. An app may set --nunchi-accent, --nunchi-on-accent, --nunchi-radius and --nunchi-font.
 *
 * `:host` rules are important so that no style of the page reaches in; everything is out of the page's flow.
 */
export const MODAL_STYLE = `
:host {
  all: initial !important;
  position: fixed !important;
  inset: 0 auto auto 0 !important;
  width: 0 !important;
  height: 0 !important;
  z-index: 2147483647 !important;
}
*, *::before, *::after { box-sizing: border-box; }
.layer {
  --surface: #fff;
  --ink: #16181d;
  --soft-ink: #50555f;
  --line: rgba(22, 24, 29, .08);
  --quiet: #f1f2f4;
  --quiet-hover: #e6e8eb;
  --accent: var(--nunchi-accent, #16181d);
  --on-accent: var(--nunchi-on-accent, #fff);
  --focus: #2f6fed;
  color-scheme: light;
  position: fixed;
  inset: 0;
  width: 100%;
  height: 100%;
  max-width: none;
  max-height: none;
  margin: 0;
  border: 0;
  padding: max(16px, env(safe-area-inset-top)) max(16px, env(safe-area-inset-right))
    max(16px, env(safe-area-inset-bottom)) max(16px, env(safe-area-inset-left));
  display: flex;
  overflow: hidden;
  background: rgba(13, 15, 20, .5);
  color: var(--ink);
  font: 400 16px/1.55 var(--nunchi-font, system-ui, -apple-system, "Segoe UI", Roboto, "Pretendard",
    "Apple SD Gothic Neo", "Noto Sans KR", "Malgun Gothic", "Noto Sans", sans-serif);
  -webkit-font-smoothing: antialiased;
  -webkit-text-size-adjust: 100%;
  -webkit-tap-highlight-color: transparent;
  animation: shade .2s ease-out;
}
.layer::backdrop { background: transparent; }
.card {
  position: relative;
  display: flex;
  flex-direction: column;
  margin: auto;
  width: 100%;
  max-width: 408px;
  max-height: 100%;
  overflow: hidden;
  border-radius: var(--nunchi-radius, 20px);
  background: var(--surface);
  box-shadow: 0 0 0 1px var(--line), 0 2px 6px rgba(13, 15, 20, .08), 0 24px 64px -8px rgba(13, 15, 20, .32);
  animation: rise .2s cubic-bezier(.2, .8, .3, 1);
}
.content {
  flex: 0 1 auto;
  min-height: 0;
  overflow: hidden auto;
  overscroll-behavior: contain;
  scrollbar-width: thin;
  outline: none;
  /* Text that goes on below fades out; the padding keeps the last line clear of it. */
  -webkit-mask-image: linear-gradient(#000 calc(100% - 20px), transparent);
  mask-image: linear-gradient(#000 calc(100% - 20px), transparent);
}
.image { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: cover; background: var(--quiet); }
.text { padding: 28px 28px 22px; overflow-wrap: anywhere; hyphens: auto; white-space: pre-line; }
.text:lang(ko) { word-break: keep-all; hyphens: manual; }
.title { margin: 0; font-size: 20px; font-weight: 650; line-height: 1.35; letter-spacing: -.011em; text-wrap: balance; }
.title.beside-close { padding-inline-end: 28px; }
.body { margin: 8px 0 0; font-size: 15px; color: var(--soft-ink); text-wrap: pretty; }
.actions { flex: none; display: flex; flex-wrap: wrap; gap: 8px; padding: 4px 28px 28px; }
.action {
  -webkit-appearance: none;
  appearance: none;
  flex: 1 1 auto;
  display: flex;
  align-items: center;
  justify-content: center;
  min-width: 44px;
  max-width: 100%;
  min-height: 48px;
  margin: 0;
  padding: 10px 18px;
  border: 0;
  border-radius: calc(var(--nunchi-radius, 20px) * .6);
  background: var(--quiet);
  color: var(--ink);
  font-family: inherit;
  font-size: 15px;
  font-weight: 600;
  line-height: 1.3;
  text-align: center;
  text-decoration: none;
  overflow-wrap: anywhere;
  hyphens: auto;
  cursor: pointer;
  transition: background-color .12s, filter .12s;
  touch-action: manipulation;
  -webkit-user-select: none;
  user-select: none;
}
.action:lang(ko) { word-break: keep-all; }
.action.primary { background: var(--accent); color: var(--on-accent); }
.close {
  -webkit-appearance: none;
  appearance: none;
  position: absolute;
  top: 8px;
  inset-inline-end: 8px;
  display: grid;
  place-items: center;
  width: 44px;
  height: 44px;
  margin: 0;
  padding: 0;
  border: 0;
  border-radius: 50%;
  background: none;
  color: var(--soft-ink);
  cursor: pointer;
  touch-action: manipulation;
}
.close svg {
  width: 32px;
  height: 32px;
  padding: 9px;
  border-radius: 50%;
  fill: none;
  stroke: currentColor;
  stroke-width: 2;
  stroke-linecap: round;
  transition: background-color .12s;
}
.close.over-image { color: #fff; }
.close.over-image svg { background: rgba(13, 15, 20, .55); }
.action:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.close:focus-visible { outline: none; }
.close:focus-visible svg { outline: 2px solid var(--focus); outline-offset: 2px; }
.close.over-image:focus-visible svg { outline-color: #fff; }
@media (hover: hover) {
  .action:hover { background: var(--quiet-hover); }
  .action.primary:hover { background: var(--accent); filter: brightness(1.15); }
  .close:hover svg { background: var(--quiet); }
  .close.over-image:hover svg { background: rgba(13, 15, 20, .75); }
}
.action:active { filter: brightness(.94); }
@media (max-width: 380px) {
  .text { padding: 24px 20px 20px; }
  .actions { padding: 4px 20px 20px; }
  .action { flex-basis: 100%; }
}
@media (max-height: 420px) {
  .image { aspect-ratio: auto; height: 96px; }
}
@media (prefers-color-scheme: dark) {
  .layer {
    --surface: #1e2026;
    --ink: #f3f4f6;
    --soft-ink: #b3b8c2;
    --line: rgba(255, 255, 255, .09);
    --quiet: #2e3139;
    --quiet-hover: #393d46;
    --accent: var(--nunchi-accent, #f3f4f6);
    --on-accent: var(--nunchi-on-accent, #16181d);
    --focus: #7aa7ff;
    color-scheme: dark;
    background: rgba(0, 0, 0, .62);
  }
}
@media (forced-colors: active) {
  .card, .action { border: 1px solid CanvasText; }
}
@media (prefers-reduced-motion: reduce) {
  .layer, .card { animation: none; }
  .action, .close svg { transition: none; }
}
@keyframes shade { from { background: transparent; } }
@keyframes rise { from { opacity: 0; transform: translateY(12px) scale(.98); } }
`;
