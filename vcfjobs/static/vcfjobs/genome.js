// The genome view of a run: igv.js, loaded when the view is opened. It asks no other server than this one.
const BUTTONS = "#genome-open, button[data-locus]";
let opened = null; // the section whose view is open, and its browser
let browser = null;

// What a click on a variant shows. igv.js itself would take the text of the file for HTML.
const escaped = (text) => Object.assign(document.createElement("p"), { textContent: text }).innerHTML;
const described = (track, rows) =>
  (rows || []).map(({ name, value }) => (name ? `<div><b>${escaped(name)}</b> ${escaped(value)}</div>` : "<hr>")).join("");

// The bases around a position `contig:pos`; igv.js itself would show some before the first.
const around = (locus) => {
  const colon = locus.lastIndexOf(":"); // names of contigs may have one
  const start = Math.max(1, Number(locus.slice(colon + 1)) - 20);
  return `${locus.slice(0, colon)}:${start}-${start + 40}`;
};

const openView = async (section) => {
  const { default: igv } = await import("./igv/igv.esm.min.js");
  const { assembly, fasta, fai, vcf, tbi } = section.dataset;
  const view = section.querySelector(".genome");
  const made = await igv.createBrowser(view, {
    loadDefaultGenomes: false, // from igv.org, as are the names of genes that its search finds
    search: false,
    showCursorTrackingGuideButton: false,
    showCenterGuideButton: false,
    showTrackLabelButton: false,
    reference: { id: assembly, name: assembly, fastaURL: fasta, indexURL: fai },
    tracks: [{ type: "variant", format: "vcf", name: "Result", url: vcf, indexURL: tbi, removable: false }],
    listeners: { trackclick: described },
  });
  const light = new CSSStyleSheet(); // its colours are those of a light page
  light.replaceSync(".igv-container { color-scheme: light; }");
  view.shadowRoot.adoptedStyleSheets.push(light);
  for (const [kind, label] of [["range", "Zoom"], ["text", "Locus"]]) {
    view.shadowRoot.querySelector(`input[type=${kind}]`)?.setAttribute("aria-label", label);
  }
  return made;
};

const show = async (section, locus) => {
  const note = section.querySelector("[role=status]");
  const button = section.querySelector("#genome-open");
  try {
    if (opened !== section) {
      button.disabled = true;
      note.textContent = "Loading…";
      browser = await openView(section);
      opened = section;
      button.hidden = true;
    }
    note.textContent = "";
    if (locus) await browser.search(around(locus));
  } catch {
    note.textContent = "The genome view could not be loaded. Reload this page and try again.";
  } finally {
    button.disabled = false;
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest(BUTTONS);
  const section = document.getElementById("genome");
  if (!button || !section) return;
  if (button.dataset.locus) section.scrollIntoView({ block: "nearest" });
  show(section, button.dataset.locus || section.dataset.locus);
});
const furnish = () => {
  const section = document.getElementById("genome");
  if (!section) return;
  section.hidden = false;
  for (const button of document.querySelectorAll("button[data-locus]")) button.hidden = false;
};
document.addEventListener("htmx:load", furnish);
furnish();
