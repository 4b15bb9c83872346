// Narrows the list of records. It reads only tokens of ours and text, and changes only what is hidden.
"use strict";
for (const browser of document.querySelectorAll(".browser")) {
  const panel = browser.querySelector(".filters");
  const selects = [...panel.querySelectorAll("select")];
  const search = panel.querySelector("input");
  const shown = panel.querySelector("output");
  const cases = [...browser.querySelectorAll(".case")];
  const texts = cases.map((one) => one.textContent.toLowerCase());

  const fits = (one, select) =>
    select.value === "" || (one.getAttribute("data-" + select.name) || "").split(" ").includes(select.value);

  const narrow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    cases.forEach((one, place) => {
      const kept = selects.every((select) => fits(one, select)) && words.every((word) => texts[place].includes(word));
      one.hidden = !kept;
      count += kept ? 1 : 0;
    });
    shown.textContent = count + " of " + cases.length + " listed";
  };

  panel.addEventListener("input", narrow);
  panel.querySelector("button").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    search.value = "";
    narrow();
    search.focus();
  });
  panel.hidden = false;
  narrow();
}
