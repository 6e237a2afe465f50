// What every page does by itself: copy buttons, and forms that submit when a choice changes.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const words = button.querySelector("[data-copied]") ?? button;
  words.textContent = button.dataset.done;
});
document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-submits]");
  if (control) control.form.requestSubmit();
});
// A token for every htmx request, without inline attributes.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector("meta[name=csrf-token]")?.content;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});
