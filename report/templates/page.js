// Sorts a table by the column whose heading is chosen. The page reads the same
// without it.
(function () {
  "use strict";
  var number = /^(?:▲ )?([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)/i;

  function key(row, column) {
    var text = row.cells[column].textContent.trim();
    var found = number.exec(text);
    return { text: text, value: found ? parseFloat(found[1]) : NaN };
  }

  function compare(a, b) {
    var undef = (a.text === "–") - (b.text === "–");
    if (undef) return undef * 1e9;
    if (!isNaN(a.value) && !isNaN(b.value)) return a.value - b.value;
    return a.text.localeCompare(b.text, "en", { numeric: true });
  }

  function sort(heading) {
    var body = heading.closest("table").tBodies[0];
    var column = heading.cellIndex;
    var down = heading.getAttribute("aria-sort") === "ascending";
    heading.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.from(body.rows)
      .map(function (row) { return { row: row, key: key(row, column) }; })
      .sort(function (a, b) {
        var order = compare(a.key, b.key);
        // What is undefined stays last in either direction.
        return down && Math.abs(order) < 1e9 ? -order : order;
      })
      .forEach(function (entry) { body.appendChild(entry.row); });
  }

  document.querySelectorAll("th").forEach(function (heading) {
    heading.tabIndex = 0;
    heading.classList.add("sortable");
    heading.addEventListener("click", function () { sort(heading); });
    heading.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort(heading);
      }
    });
  });
})();
