// The linked viewer: every canvas shows one plane of one image at the same place, enlarged alike. `viewer.py` writes what it reads.
(() => {
"use strict";

const root = document.getElementById("viewer"), data = JSON.parse(document.getElementById("viewer-data").textContent);
const control = name => document.getElementById(`viewer-${name}`), told = input => input.parentElement.querySelector("output");
const grid = root.querySelector(".grid"), wiped = root.querySelector(".wiped"), chart = root.querySelector(".profile");
// A plane of a volume [z, y, x]: the axes that run down and across, and the one that its slider runs along.
const PLANES = [{down: 1, across: 2, along: 0}, {down: 1, across: 0, along: 2}, {down: 0, across: 2, along: 1}].slice(0, data.volume ? 3 : 1);

let image, values;                          // the test image, and grey levels of each of its series
let zoom = 1, centre, at, pointer = null;   // centre and pointer are places [z, y, x], at is the voxel whose planes are shown
let line = null;                            // of the profile: {plane, from: [down, across], to}
let canvases = [];                          // {canvas, plane, shows: the numbers of one series, or of the two of the wipe}
const off = new Set();                      // labels that are not shown

// Grey levels from what is embedded: differences modulo 2^16, high bytes first, deflated.
async function unpack(one) {
  const bytes = Uint8Array.from(atob(one.data), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer()), count = planes.length / 2;
  const grey = new Float32Array(count);
  for (let i = 0, level = 0; i < count; i++) {
    level = (level + (planes[i] << 8 | planes[count + i])) & 65535;
    grey[i] = level === 65535 ? NaN : one.low + one.step * level;
  }
  return grey;
}

async function show(number) {
  const next = data.images[number], unpacked = await Promise.all(next.series.map(unpack));
  if (+control("image").value !== number) return;                  // another one was asked for meanwhile
  const fresh = !image || `${image.shape}` !== `${next.shape}`;
  [image, values] = [next, unpacked];
  told(control("image")).textContent = `${number + 1} of ${data.images.length}`;
  root.querySelector(".of-residual").hidden = image.against === null;
  if (fresh) {
    at = image.shape.map(n => n >> 1);
    ["z", "y", "x"].forEach((name, axis) => { control(name).max = image.shape[axis] - 1; });
    line = null;
    whole();
  }
  build();
  if (control("line").checked) startLine();
  draw();
}

function whole() {
  zoom = 1;
  centre = image.shape.map(n => n / 2);
}

// The figures, one a series, and that of the wipe.
function build() {
  canvases = [];
  grid.classList.toggle("volume", data.volume);
  grid.replaceChildren(...image.series.map((one, number) => {
    const box = Object.assign(document.createElement("input"), {type: "checkbox", checked: !off.has(one.label)});
    box.ariaLabel = `show ${one.label}`;
    const figure = figureOf([number], [box, swatch(one)], `${one.label}${one.psnr === undefined ? "" : `, ${one.psnr.toFixed(2)} dB`}`);
    figure.classList.toggle("off", off.has(one.label));
    box.onchange = () => { off[box.checked ? "delete" : "add"](one.label); figure.classList.toggle("off", !box.checked); draw(); };
    return figure;
  }));
  const labels = image.series.map(one => one.label);
  ["left", "right"].forEach((side, i) => {
    const chosen = control(side).value;
    control(side).replaceChildren(...labels.map(label => new Option(label, label)));
    control(side).value = labels.includes(chosen) ? chosen : labels[i ? labels.findLastIndex(label => label !== "truth") : 0];
  });
  wipe();
}

function wipe() {
  canvases = canvases.filter(each => each.shows.length === 1);
  wiped.hidden = !control("wiping").checked;
  const pair = ["left", "right"].map(side => image.series.findIndex(one => one.label === control(side).value));
  wiped.replaceChildren(...(wiped.hidden ? [] : [figureOf(pair, [], `${control("left").value} | ${control("right").value}`)]));
}

function figureOf(shows, marks, label) {
  const figure = document.createElement("figure"), words = document.createElement("figcaption"), planes = document.createElement("div");
  const [depth, height, width] = image.shape;
  words.append(...marks, ...(marks.length ? [document.createElement("output")] : []), Object.assign(document.createElement("b"), {textContent: label}));
  planes.className = "planes";
  if (data.volume) planes.style.gridTemplateColumns = `${width}fr ${depth}fr`;
  for (const plane of PLANES) {
    const canvas = document.createElement("canvas");
    canvas.style.aspectRatio = `${image.shape[plane.across]} / ${image.shape[plane.down]}`;
    canvas.role = "img";
    canvas.ariaLabel = shows.map(number => image.series[number].label).join(" and ");
    const one = {canvas, plane, shows, output: words.querySelector("output")};
    canvases.push(one);
    listen(one);
    planes.append(canvas);
  }
  figure.append(words, planes);
  return figure;
}

function swatch(one) {
  const drawn = document.createElement("span");
  drawn.innerHTML = `<svg viewBox="0 0 26 8" aria-hidden="true">${curve("M0 4H26", one)}</svg>`;
  return drawn;
}

const curve = (path, {colour, dash, label}) => {
  const width = label === "truth" ? 3 : label === "noisy" ? 1 : 1.8;
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-dasharray="${dash.map(n => n * width)}"/>`;
};

// Where a plane's pixels lie on its canvas: pixel p is at (p - origin) * scale.
function placed({canvas, plane}) {
  const scale = zoom * canvas.width / image.shape[plane.across];
  return {scale, down: centre[plane.down] - canvas.height / 2 / scale, across: centre[plane.across] - canvas.width / 2 / scale};
}

const index = (place) => (place[0] * image.shape[1] + place[1]) * image.shape[2] + place[2];
const levels = () => ["black", "white"].map(name => image.low + (image.high - image.low) * control(name).value);
const residual = () => control("residual").checked && image.against !== null;
const reference = () => image.series.findIndex(one => one.label === image.against);
const signed = number => residual() && number !== reference();     // what residuals are taken against stays an image

// One plane of a series as pixels: grey, or of the residual blue below and orange above zero; orange in grey is no number.
function picture(number, plane) {
  const rows = image.shape[plane.down], columns = image.shape[plane.across], drawn = new ImageData(columns, rows), rgba = drawn.data;
  const [black, white] = levels(), gain = 255 / (white - black || 1e-9), grey = values[number], against = signed(number) ? values[reference()] : null;
  const strides = [image.shape[1] * image.shape[2], image.shape[2], 1], first = at[plane.along] * strides[plane.along];
  for (let r = 0, p = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, p += 4) {
      const i = first + r * strides[plane.down] + c * strides[plane.across];
      rgba[p] = rgba[p + 1] = rgba[p + 2] = against ? 255 : (grey[i] - black) * gain;
      if (Number.isNaN(grey[i])) [rgba[p], rgba[p + 1], rgba[p + 2]] = [230, 159, 0];
      else if (against) {
        const error = (grey[i] - against[i]) / (image.spread || 1e-9), part = Math.min(Math.abs(error), 1);
        rgba[p] -= part * (error < 0 ? 255 : 42);
        rgba[p + 1] -= part * (error < 0 ? 141 : 161);
        rgba[p + 2] -= part * (error < 0 ? 77 : 255);
      }
      rgba[p + 3] = 255;
    }
  }
  const sheet = new OffscreenCanvas(columns, rows);
  sheet.getContext("2d").putImageData(drawn, 0, 0);
  return sheet;
}

// Pictures are kept until the grey range, the slice or the image is another one.
const kept = new Map();
function keptPicture(number, plane) {
  const key = `${number} ${plane.along}`, of = `${control("image").value} ${at[plane.along]} ${levels()} ${signed(number)}`;
  if (kept.get(key)?.of !== of) kept.set(key, {of, picture: picture(number, plane)});
  return kept.get(key).picture;
}

let waiting = false;
function draw() {
  if (!waiting) requestAnimationFrame(() => { waiting = false; paint(); });
  waiting = true;
}

function paint() {
  if (!image) return;
  ["z", "y", "x"].forEach((name, axis) => { control(name).value = at[axis]; told(control(name)).textContent = at[axis]; });
  told(control("residual")).textContent = `estimate - ${image.against === "noisy" ? "y" : image.against}`
    + (residual() ? `, blue -${image.spread.toPrecision(3)} to orange ${image.spread.toPrecision(3)}` : "");
  for (const each of canvases) {
    const {canvas, plane, shows} = each, box = canvas.getBoundingClientRect();
    if (!box.width) continue;
    const [width, height] = [box.width, box.height].map(n => Math.round(n * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.classList.toggle("large", zoom > 1);
    canvas.classList.toggle("drawing", control("line").checked);
    const {scale, down, across} = placed(each), pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    shows.forEach((number, side) => {
      const start = side ? control("wipe").value * canvas.width : 0, size = [image.shape[plane.across] * scale, image.shape[plane.down] * scale];
      pen.save();
      pen.beginPath();
      pen.rect(start, 0, canvas.width, canvas.height);
      pen.clip();
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(keptPicture(number, plane), -across * scale, -down * scale, ...size);
      pen.restore();
      if (side) mark(pen, [[start, 0], [start, canvas.height]]);
    });
    const seen = (r, c) => [(c - across) * scale, (r - down) * scale];
    if (line && control("line").checked && line.plane === plane) mark(pen, [seen(...line.from), seen(...line.to)]);
    if (data.volume) {
      mark(pen, [seen(0, at[plane.across] + .5), seen(image.shape[plane.down], at[plane.across] + .5)], .35);
      mark(pen, [seen(at[plane.down] + .5, 0), seen(at[plane.down] + .5, image.shape[plane.across])], .35);
    }
    if (pointer) mark(pen, [[-4, 0], [4, 0], null, [0, -4], [0, 4]].map(step => step && seen(pointer[plane.down] + .5, pointer[plane.across] + .5)
      .map((v, i) => v + step[i] * devicePixelRatio)));
    if (each.output) each.output.textContent = pointer ? values[shows[0]][index(pointer)].toPrecision(4) : "";
  }
  profile();
}

// A line over an image, white on black so that it is seen on both.
function mark(pen, points, alpha = 1) {
  pen.globalAlpha = alpha;
  for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
    pen.beginPath();
    points.forEach((point, i) => point && pen[i && points[i - 1] ? "lineTo" : "moveTo"](...point));
    [pen.strokeStyle, pen.lineWidth] = [colour, width * devicePixelRatio];
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

// Grey levels along the line, a sample a pixel, by bilinear interpolation.
function along(number) {
  const {plane, from, to} = line, steps = Math.max(1, Math.round(Math.hypot(to[0] - from[0], to[1] - from[1])));
  const last = [image.shape[plane.down] - 1, image.shape[plane.across] - 1];
  const level = (r, c) => {
    const place = [0, 0, 0];
    [place[plane.along], place[plane.down], place[plane.across]] = [at[plane.along], r, c];
    return values[number][index(place)] - (signed(number) ? values[reference()][index(place)] : 0);
  };
  return Array.from({length: steps + 1}, (_, k) => {
    const [r, c] = [0, 1].map(i => Math.min(last[i], Math.max(0, from[i] + (to[i] - from[i]) * k / steps - .5)));   // of pixels' centres
    const [top, left] = [Math.floor(r), Math.floor(c)], [bottom, right] = [Math.min(top + 1, last[0]), Math.min(left + 1, last[1])];
    const mix = (a, b, t) => t ? a * (1 - t) + b * t : a;
    return mix(mix(level(top, left), level(top, right), c - left), mix(level(bottom, left), level(bottom, right), c - left), r - top);
  });
}

function profile() {
  chart.hidden = !control("line").checked || !line;
  if (chart.hidden) return;
  const drawn = image.series.map((one, number) => ({one, number})).filter(({one, number}) => !off.has(one.label) && !(residual() && number === reference()))
    .map(({one, number}) => ({one, samples: along(number)}));
  const all = drawn.flatMap(({samples}) => samples).filter(Number.isFinite);
  const low = Math.min(...all), high = Math.max(...all, low + 1e-9), length = (drawn[0]?.samples.length ?? 2) - 1;
  const x = k => 60 + 520 * k / length, y = v => 180 - 165 * (v - low) / (high - low);
  const path = samples => samples.map((v, k) => Number.isFinite(v) ? `${k && Number.isFinite(samples[k - 1]) ? "L" : "M"}${x(k).toFixed(1)} ${y(v).toFixed(1)}` : "").join("");
  const order = ({label}) => label === "noisy" ? 0 : label === "truth" ? 1 : 2;
  const text = (px, py, words, anchor) => `<text x="${px}" y="${py}" text-anchor="${anchor}" font-size="11" font-family="system-ui,sans-serif">${words}</text>`;
  chart.innerHTML = `<svg viewBox="0 0 600 210" role="img" aria-label="grey levels along the line">
    <path d="M60 15V180H580" fill="none" stroke="#888"/>${low < 0 && high > 0 ? `<path d="M60 ${y(0)}H580" stroke="#ccc"/>` : ""}
    ${drawn.sort((a, b) => order(a.one) - order(b.one)).map(({one, samples}) => curve(path(samples), one)).join("")}
    ${text(55, 20, high.toPrecision(3), "end")}${text(55, 184, low.toPrecision(3), "end")}${text(60, 196, "0", "middle")}
    ${text(580, 196, length, "middle")}${text(320, 202, `${residual() ? "residual" : "grey level"} over pixels along the line`, "middle")}</svg>`;
}

function startLine() {
  const plane = PLANES[0], middle = image.shape[plane.down] / 2, width = image.shape[plane.across];
  line ??= {plane, from: [middle, width / 8], to: [middle, width * 7 / 8]};
}

// The place [z, y, x] under the pointer, whole or in parts of a pixel.
function under(each, event) {
  const {scale, down, across} = placed(each), place = [...at], box = each.canvas.getBoundingClientRect();
  place[each.plane.down] = down + (event.clientY - box.top) * devicePixelRatio / scale;
  place[each.plane.across] = across + (event.clientX - box.left) * devicePixelRatio / scale;
  return place;
}

const inside = place => place.every((v, axis) => v >= 0 && v < image.shape[axis]);

function enlarge(factor, place) {
  const larger = Math.min(Math.max(zoom * factor, 1), 64);
  centre = centre.map((c, axis) => place[axis] + (c - place[axis]) * zoom / larger);
  zoom = larger;
  move([0, 0, 0]);
}

function move(by) {                                                // no further than to the edge
  centre = centre.map((c, axis) => {
    const half = image.shape[axis] / 2 / zoom;
    return Math.min(Math.max(c + by[axis], half), image.shape[axis] - half);
  });
  draw();
}

function listen(each) {
  const {canvas, plane} = each, fingers = new Map();
  let still = true;
  const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
  canvas.onwheel = event => {
    event.preventDefault();
    enlarge(2 ** (-event.deltaY * (event.deltaMode ? 20 : 1) / 300), mixed(under(each, event), plane));
  };
  canvas.onpointerdown = event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    still = fingers.size === 1;
    if (control("line").checked && fingers.size === 1) {
      const place = under(each, event), start = [place[plane.down], place[plane.across]];
      line = {plane, from: start, to: start};
    }
  };
  canvas.onpointermove = event => {
    const place = under(each, event);
    pointer = inside(place) ? place.map(Math.floor) : null;
    const before = fingers.get(event.pointerId);
    if (before && fingers.size === 2) {
      const was = spread();
      fingers.set(event.pointerId, event);
      enlarge(spread() / Math.max(was, 1), mixed(place, plane));
    } else if (before && control("line").checked) {
      line.to = [place[plane.down], place[plane.across]];
    } else if (before) {
      const earlier = under(each, before);
      still &&= Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 3;
      if (!still) { fingers.set(event.pointerId, event); move(earlier.map((v, axis) => v - place[axis])); }
    }
    draw();
  };
  canvas.onpointerup = canvas.onpointercancel = event => {
    const place = under(each, event);
    if (event.type === "pointerup" && still && !control("line").checked && inside(place)) at = place.map(Math.floor);   // a click chooses the planes
    fingers.delete(event.pointerId);
    draw();
  };
  canvas.onpointerleave = () => { pointer = null; draw(); };
}

// A place with the centre's coordinate along the axis that the plane does not show.
const mixed = (place, plane) => place.map((v, axis) => axis === plane.along ? centre[axis] : v);

function press(event) {
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
  const toggled = {r: "residual", w: "wiping", l: "line"}[event.key], turned = {n: 1, p: -1}[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (step && control("line").checked) {
    const end = event.shiftKey ? "from" : "to";
    line[end] = line[end].map((v, i) => v + step[i]);
    draw();
  } else if (step) move([0, ...step.map((s, i) => s * image.shape[i + 1] / 16 / zoom)]);
  else if (event.key === "+" || event.key === "=") enlarge(1.25, centre);
  else if (event.key === "-") enlarge(.8, centre);
  else if (event.key === "0") { whole(); draw(); }
  else if (toggled) control(toggled).click();
  else if (turned) { control("image").value = +control("image").value + turned; show(+control("image").value); }
  else return;
  event.preventDefault();
}

grid.onkeydown = event => { if (event.target === grid) press(event); };
control("image").max = data.images.length - 1;
control("image").oninput = () => show(+control("image").value);
["z", "y", "x"].forEach((name, axis) => { control(name).oninput = () => { at[axis] = +control(name).value; draw(); }; });
["black", "white", "wipe", "residual"].forEach(name => { control(name).oninput = draw; });
["left", "right", "wiping"].forEach(name => { control(name).onchange = () => { wipe(); draw(); }; });
control("line").onchange = () => { startLine(); draw(); };
control("reset").onclick = () => { [control("black").value, control("white").value] = [0, 1]; whole(); draw(); };
root.querySelector(".of-many").hidden = data.images.length < 2;
root.querySelectorAll(".of-volume").forEach(each => { each.hidden = !data.volume; });
new ResizeObserver(draw).observe(grid);
root.hidden = false;
show(0).catch(error => { grid.textContent = `This browser cannot unpack the images (${error.message}); the figures below show them.`; });
})();
