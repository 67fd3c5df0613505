// The upload form with a progress bar, a cancel button and the page as a drop target.
// Without this file the browser sends the form to the same address.
"use strict";

(() => {
  const form = document.querySelector("form[data-max-bytes]");
  if (!form) return;
  const input = form.elements.vcf;
  const limit = Number(form.dataset.maxBytes);
  const submit = form.querySelector("button[type=submit]");
  const part = (name) => document.getElementById(name);
  const sending = part("sending");
  const words = part("sending-words");
  const figures = part("sending-figures");
  const bar = sending.querySelector("progress");
  let request = null;

  const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
  const size = (bytes) => {
    const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
    return `${power ? (bytes / 1024 ** power).toFixed(1) : Math.round(bytes)} ${UNITS[power]}`;
  };
  const lasting = (seconds) => {
    if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };

  // --- errors, at their fields ---------------------------------------------------------------

  const say = (name, sentences) => {
    const field = form.elements[name];
    const text = sentences.join(" ");
    const place = part(field ? `${field.id}_error` : "upload-errors");
    place.textContent = text;
    place.hidden = !text;
    if (!field) return place;
    const described = (field.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== place.id);
    field.setAttribute("aria-describedby", (text ? [...described, place.id] : described).join(" "));
    field.setAttribute("aria-invalid", text ? "true" : "false");
    place.closest(".field").classList.toggle("wrong", Boolean(text));
    return field;
  };
  const showErrors = (errors) => {
    for (const name of ["vcf", "assembly", "run_id"]) say(name, errors[name] || []);
    const known = Object.keys(errors).filter((name) => name !== "__all__" && form.elements[name]);
    const whole = errors.__all__ || (known.length ? ["Nothing was submitted. Correct the fields below."] : []);
    say("", whole);
    if (known.length) form.elements[known[0]].focus();
  };
  const sentenceFor = (status) => {
    if (status === 403) return "The form is too old. Reload this page and submit again.";
    if (status === 413) return "The file is larger than the server's limit.";
    if (status === 429) return "Submission limit reached. Try again in a minute.";
    if ([502, 503, 504].includes(status)) return "The server does not answer. Try again in a minute.";
    return `The server could not accept the file (error ${status}). Try again in a minute.`;
  };

  // --- the chosen file ---------------------------------------------------------------------------

  const check = () => {
    const file = input.files[0];
    const tooLarge = file && file.size > limit;
    say("vcf", tooLarge ? [`${file.name} has ${size(file.size)}. The limit is ${size(limit)}.`] : []);
    part("chosen").textContent = file ? size(file.size) : "Or drop it anywhere on this page.";
    return !tooLarge;
  };
  input.addEventListener("change", () => {
    say("", []);
    check();
  });
  check(); // a file may have been chosen before a reload

  // --- the whole page is a drop target -----------------------------------------------------------

  const carriesFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0 && !request);
  };
  document.addEventListener("dragenter", (event) => carriesFiles(event) && mark(1));
  document.addEventListener("dragleave", (event) => carriesFiles(event) && mark(-1));
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = request ? "none" : "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault(); // or the browser opens the file instead of the page
    mark(-depth);
    if (request) return;
    const entry = event.dataTransfer.items[0]?.webkitGetAsEntry?.();
    if (event.dataTransfer.files.length !== 1 || entry?.isDirectory) {
      say("vcf", ["Drop a single file, not a folder."]);
      return;
    }
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });

  // --- sending -----------------------------------------------------------------------------------

  const leave = (event) => event.preventDefault();
  const begin = () => {
    window.addEventListener("beforeunload", leave);
    submit.disabled = true;
    bar.value = 0;
    figures.textContent = "";
    sending.hidden = false;
    words.textContent = `Sending ${input.files[0].name}`;
  };
  const end = () => {
    window.removeEventListener("beforeunload", leave);
    submit.disabled = false;
    sending.hidden = true;
    words.textContent = "";
    request = null;
  };
  const stopped = (sentence) => {
    end();
    showErrors({ __all__: [sentence] });
    submit.focus();
  };

  const showProgress = (started, event) => {
    if (!event.lengthComputable || !event.total) return;
    const seconds = (performance.now() - started) / 1000;
    const speed = seconds > 0.5 ? event.loaded / seconds : 0;
    const parts = [`${size(event.loaded)} of ${size(event.total)}`, `${Math.floor((100 * event.loaded) / event.total)} %`];
    if (speed) parts.push(`${size(speed)}/s`);
    if (speed && event.loaded < event.total) parts.push(`${lasting((event.total - event.loaded) / speed)} left`);
    bar.value = event.loaded / event.total;
    figures.textContent = parts.join(" · ");
  };

  const answered = () => {
    let answer = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // a proxy's page, or an empty answer
    }
    const status = request.status;
    if (status === 201 && answer?.location) {
      end();
      window.location.assign(answer.location);
    } else if (answer?.errors && Object.keys(answer.errors).length) {
      end();
      showErrors(answer.errors);
    } else {
      stopped(sentenceFor(status));
    }
  };

  const send = () => {
    const started = performance.now();
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => showProgress(started, event));
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value"); // sent; the duration of the checks is unknown
      words.textContent = "Sent. The server is checking the file.";
    });
    request.addEventListener("load", answered);
    request.addEventListener("error", () =>
      stopped("The connection was lost, or the file changed during the upload. Nothing was submitted. Try again."));
    request.addEventListener("abort", () => stopped("The upload was cancelled. Nothing was submitted."));
    request.send(new FormData(form));
  };

  form.addEventListener("submit", (event) => {
    if (request) {
      event.preventDefault();
      return;
    }
    if (!input.files.length) {
      event.preventDefault();
      showErrors({ vcf: ["Choose a VCF file."] });
      return;
    }
    event.preventDefault();
    if (!check()) {
      showErrors({ vcf: [part(`${input.id}_error`).textContent] });
      return;
    }
    showErrors({});
    begin();
    send();
  });
  part("sending-cancel").addEventListener("click", () => request && request.abort());
})();
