// Swagger UI's dark colours, where the reader's system is dark.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Swagger UI puts a link into the button that opens an operation, skips a level of headings, and leaves its
// title outside every landmark.
const ATTRIBUTES = [
  ["h3.opblock-tag, .models h4", { "aria-level": "2" }],
  [".information-container", { role: "region", "aria-label": "About" }],
];
const mend = () => {
  for (const link of document.querySelectorAll("button a[href]")) link.removeAttribute("href");
  for (const [selector, attributes] of ATTRIBUTES) {
    for (const element of document.querySelectorAll(selector)) {
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    }
  }
};
new MutationObserver(mend).observe(document, { childList: true, subtree: true });
