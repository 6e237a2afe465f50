// The condition editor: examples fill it, ids go in where the cursor is. Both can be undone with the keyboard.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-condition], [data-insert]");
  if (!button) return;
  const editor = document.getElementById("id_condition");
  editor.focus();
  if (button.dataset.condition) editor.select();
  const text = button.dataset.condition ?? button.dataset.insert;
  // insertText keeps the editor's own history, which assigning the value would lose.
  if (!document.execCommand("insertText", false, text)) {
    editor.setRangeText(text);
    editor.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (button.dataset.condition) editor.scrollTop = 0;
});
