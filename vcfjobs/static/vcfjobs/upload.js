// The upload form for one or several files, with progress, a cancel button and the page as a drop target.
// Several are sent one after the other, each as a form of its own. Without this file the browser sends one
// file to the same address.
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
  const sent = part("sent");
  const list = part("files");
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

  // --- the chosen files --------------------------------------------------------------------------

  const total = (files) => files.reduce((sum, file) => sum + file.size, 0);
  const oversize = (file) => file.size > limit ? `${file.name} has ${size(file.size)}. The limit is ${size(limit)}.` : "";
  const check = () => {
    const files = [...input.files];
    const several = files.length > 1;
    const sentence = files.length === 1 ? oversize(files[0]) : "";
    say("vcf", sentence ? [sentence] : []);
    form.elements.run_id.disabled = several; // it names one run
    part("chosen").textContent = several
      ? `${files.length} files, ${size(total(files))}. Each becomes a run without a run id of yours.`
      : files.length ? size(files[0].size) : "Or drop files anywhere on this page.";
    return !sentence;
  };
  input.multiple = true;
  input.addEventListener("change", () => {
    say("", []);
    sent.hidden = list.hidden = true;
    check();
  });
  check(); // files may have been chosen before a reload

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
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    if (!event.dataTransfer.files.length || entries.some((entry) => entry?.isDirectory)) {
      say("vcf", ["Drop files, not a folder."]);
      return;
    }
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });

  // --- the rows of several files -----------------------------------------------------------------

  const made = (tag, text = "", className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
  const newRow = (file) => {
    const row = made("li");
    const outcome = made("div", "Waiting");
    row.append(made("bdi", file.name), " ", made("small", size(file.size)), outcome);
    list.append(row);
    return { file, show: (...parts) => outcome.replaceChildren(...parts) };
  };

  // --- sending -----------------------------------------------------------------------------------

  const LOST = "The connection was lost, or the file changed during the upload. Nothing was submitted. Try again.";
  const CANCELLED = "The upload was cancelled. Nothing was submitted.";
  const leave = (event) => event.preventDefault();
  const begin = () => {
    window.addEventListener("beforeunload", leave);
    submit.disabled = true;
    sending.hidden = false;
    sent.hidden = list.hidden = true;
    bar.value = 0;
    figures.textContent = "";
    showErrors({});
  };
  const end = () => {
    window.removeEventListener("beforeunload", leave);
    submit.disabled = false;
    sending.hidden = true;
    words.textContent = "";
    request = null;
  };

  const showProgress = (done, all, seconds) => {
    const speed = seconds > 0.5 ? done / seconds : 0;
    const parts = [`${size(done)} of ${size(all)}`, `${Math.floor((100 * done) / all)} %`];
    if (speed) parts.push(`${size(speed)}/s`);
    if (speed && done < all) parts.push(`${lasting((all - done) / speed)} left`);
    bar.value = done / all;
    figures.textContent = parts.join(" · ");
  };

  // The run's location, or the errors by field.
  const outcomeOf = ({ status, responseText }) => {
    let answer = null;
    try {
      answer = JSON.parse(responseText);
    } catch {
      // a proxy's page, or an empty answer
    }
    if (status === 201 && answer?.location) return { location: answer.location };
    const refused = answer?.errors && Object.keys(answer.errors).length;
    return { errors: refused ? answer.errors : { __all__: [sentenceFor(status)] } };
  };

  // Send the form with one of the files. `progress` gets the part sent, 0 to 1; 1 as soon as all of it is.
  const send = (file, progress) => new Promise((resolve) => {
    const fields = new FormData(form);
    fields.set(input.name, file); // in place: the order of the fields counts
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded, total }) => total && loaded < total && progress(loaded / total));
    request.upload.addEventListener("load", () => progress(1));
    request.addEventListener("load", () => resolve(outcomeOf(request)));
    request.addEventListener("error", () => resolve({ errors: { __all__: [LOST] } }));
    request.addEventListener("abort", () => resolve({ errors: { __all__: [CANCELLED] }, cancelled: true }));
    request.send(fields);
  });

  const sendOne = async (file) => {
    const started = performance.now();
    words.textContent = `Sending ${file.name}`;
    const { location, errors } = await send(file, (part) => {
      if (part < 1) showProgress(part * file.size, file.size, (performance.now() - started) / 1000);
      else {
        bar.removeAttribute("value"); // sent; the duration of the checks is unknown
        words.textContent = "Sent. The server is checking the file.";
      }
    });
    end();
    if (location) {
      window.location.assign(location);
      return;
    }
    showErrors(errors);
    if (errors.__all__) submit.focus();
  };

  const sendAll = async (files) => {
    const started = performance.now();
    const all = total(files) || 1;
    const left = [];
    let done = 0;
    let cancelled = false;
    list.replaceChildren();
    list.hidden = false;
    for (const { file, show } of files.map(newRow)) {
      const own = Object.assign(made("progress"), { max: 1, value: 0, ariaLabel: `Upload of ${file.name}` });
      let outcome = { errors: { vcf: [oversize(file)] } };
      if (cancelled) outcome = { errors: { vcf: ["Not sent."] } };
      else if (file.size <= limit) {
        words.textContent = `Sending ${files.indexOf(file) + 1} of ${files.length}: ${file.name}`;
        show(own);
        outcome = await send(file, (part) => {
          own.value = part;
          showProgress(done + part * file.size, all, (performance.now() - started) / 1000);
        });
      }
      cancelled ||= Boolean(outcome.cancelled);
      done += file.size;
      if (outcome.location) show("Submitted: ", Object.assign(made("a", "its run"), { href: outcome.location }));
      else {
        left.push(file);
        show(made("span", Object.values(outcome.errors).flat().join(" "), "error"));
      }
    }
    end();
    const chosen = new DataTransfer(); // what was not submitted stays chosen, to be sent again
    for (const file of left) chosen.items.add(file);
    input.files = chosen.files;
    check();
    const others = left.length ? "The others are still chosen: submit them again, or choose other files. " : "";
    sent.replaceChildren(
      `${files.length - left.length} of ${files.length} files submitted. ${others}`,
      Object.assign(made("a", "Show the runs"), { href: "/" }),
    );
    sent.hidden = false;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request) return;
    const files = [...input.files];
    if (!files.length) {
      showErrors({ vcf: ["Choose a VCF file."] });
      return;
    }
    if (!check()) {
      showErrors({ vcf: [part(`${input.id}_error`).textContent] });
      return;
    }
    begin();
    if (files.length > 1) sendAll(files);
    else sendOne(files[0]);
  });
  part("sending-cancel").addEventListener("click", () => request && request.abort());
})();
