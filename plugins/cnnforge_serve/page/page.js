// The page of `cnnforge serve`: photographs go to /predict and /explain, answers into a list.

const SHOWN_CLASSES = 6;
const MAX_RETRIES = 10;

const find = (id) => document.getElementById(id);
const visit = find("history");
let token = "";

function say(text) {
  find("status").textContent = text;
}

// Neither all nor nothing by rounding, as everywhere in CNNForge.
function percent(share) {
  const digits = (100 * share).toFixed(1);
  if (share < 1 && digits === "100.0") return ">99.9 %";
  if (share > 0 && digits === "0.0") return "<0.1 %";
  return `${digits} %`;
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

// Sends a photograph; comes back later as long as the server says so.
async function send(path, file) {
  const headers = { "Content-Type": "application/octet-stream" };
  for (let attempt = 0; ; attempt++) {
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { method: "POST", body: file, headers });
    if (response.ok) return response;
    if (response.status === 401) find("token-form").hidden = false;
    if (response.status !== 503 || attempt === MAX_RETRIES) throw new Error(await reason(response));
    await wait(Number(response.headers.get("Retry-After")) || 1);
  }
}

async function reason(response) {
  if (response.status === 401) return "this server asks for its token";
  try {
    return (await response.json()).detail;
  } catch {
    return `the server answered ${response.status}`;
  }
}

function add(files) {
  for (const file of files) show(file);
}

async function show(file) {
  const entry = find("entry").content.firstElementChild.cloneNode(true);
  const photo = entry.querySelector(".photo");
  photo.alt = file.name;
  photo.src = URL.createObjectURL(file);
  photo.addEventListener("error", () => photo.closest("figure").remove());
  entry.querySelector(".name").textContent = file.name;
  visit.prepend(entry);
  find("hint").textContent = "Choose a class to see where in the photograph the evidence for it lies.";
  find("clear").hidden = false;
  say(`Asking about ${file.name} …`);
  const heading = entry.querySelector("h3");
  try {
    const [prediction] = (await (await send("predict", file)).json()).predictions;
    heading.textContent = prediction.predicted;
    fill(entry.querySelector(".classes"), entry, file, prediction.probabilities);
    say(`${file.name}: ${prediction.predicted}, ${percent(prediction.probability)}`);
  } catch (error) {
    entry.classList.add("bad");
    heading.textContent = "No answer";
    entry.querySelector(".name").textContent = `${file.name}: ${error.message}`;
    say(`${file.name}: no answer, ${error.message}`);
  }
  entry.removeAttribute("aria-busy");
}

function fill(list, entry, file, probabilities) {
  const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  for (const [name, share] of sorted.slice(0, SHOWN_CLASSES)) {
    const item = find("class").content.firstElementChild.cloneNode(true);
    const button = item.querySelector("button");
    button.style.setProperty("--share", share);
    button.querySelector("bdi").textContent = name;
    button.querySelector("span").textContent = percent(share);
    button.disabled = !("explains" in visit.dataset); // nothing here says where it looks
    button.addEventListener("click", () => toggle(entry, button, file, name));
    list.append(item);
  }
  const rest = sorted.length - SHOWN_CLASSES;
  if (rest > 0) list.append(Object.assign(document.createElement("li"), { className: "muted small", textContent: `and ${rest} less probable` }));
}

async function toggle(entry, button, file, name) {
  const heat = entry.querySelector(".heat");
  const caption = entry.querySelector("figcaption");
  const isOn = button.getAttribute("aria-pressed") === "false";
  for (const other of entry.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", String(isOn && other === button));
  entry.classList.remove("lit");
  heat.hidden = true;
  caption.textContent = "";
  if (!isOn) return;
  try {
    const response = await send(`explain?class=${encodeURIComponent(name)}`, file);
    const url = URL.createObjectURL(await response.blob());
    if (button.getAttribute("aria-pressed") === "false") return URL.revokeObjectURL(url);
    URL.revokeObjectURL(heat.src);
    heat.src = url;
    heat.hidden = false;
    entry.classList.add("lit");
    caption.textContent = `In colour: what speaks for ${name}`;
    say(`${file.name}: the evidence for ${name} is shown in colour`);
  } catch (error) {
    button.setAttribute("aria-pressed", "false");
    caption.textContent = error.message;
    say(error.message);
  }
}

function clear() {
  for (const image of visit.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  visit.replaceChildren();
  find("clear").hidden = true;
  find("hint").textContent = "";
  say("Cleared");
  find("choose").focus();
}

async function openCamera() {
  if (!navigator.mediaDevices) return find("camera-file").click(); // no secure connection: the system's own camera
  try {
    find("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    find("camera").showModal();
  } catch (error) {
    say(`The camera cannot be used: ${error.message}`);
  }
}

function takePhotograph() {
  const video = find("video");
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const name = `photograph ${new Date().toLocaleTimeString()}.jpg`;
  canvas.toBlob((blob) => add([new File([blob], name, { type: "image/jpeg" })]), "image/jpeg", 0.95);
  find("camera").close();
}

function stopCamera() {
  for (const track of find("video").srcObject?.getTracks() ?? []) track.stop();
  find("shoot").focus();
}

for (const input of [find("files"), find("camera-file")]) {
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = ""; // so that the same photograph can be chosen again
  });
}
find("choose").addEventListener("click", () => find("files").click());
find("shoot").addEventListener("click", openCamera);
find("snap").addEventListener("click", takePhotograph);
find("close-camera").addEventListener("click", () => find("camera").close());
find("camera").addEventListener("close", stopCamera);
find("clear").addEventListener("click", clear);
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("token").value;
  say("The token is used from now on");
});
document.addEventListener("paste", (event) => add([...event.clipboardData.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add([...event.dataTransfer.files]);
});
