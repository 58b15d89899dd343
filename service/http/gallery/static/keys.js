// Arrow keys in the grid: to the tile that one sees there, however many stand in a row.

export function step(key, item) {
  const { previousElementSibling: previous, nextElementSibling: next, parentElement: list } = item;
  switch (key) {
    case "ArrowLeft":
      return previous;
    case "ArrowRight":
      return next;
    case "ArrowUp":
    case "ArrowDown":
      return vertical(item, key === "ArrowDown" ? 1 : -1);
    case "Home":
      return list.firstElementChild;
    case "End":
      return list.lastElementChild;
    default:
      return null;
  }
}

function vertical(item, by) {
  const { children } = item.parentElement;
  const columns = getComputedStyle(item.parentElement).gridTemplateColumns.split(" ").length;
  return children[[...children].indexOf(item) + by * columns] ?? null;
}
