// Shows the controls of the chosen trigger alone. Without this script all of them show, and nothing is lost.
(() => {
  const kind = document.getElementById("id_trigger_kind");
  const apply = () => {
    for (const part of document.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== kind.value;
  };
  kind.addEventListener("change", apply);
  apply();
})();
