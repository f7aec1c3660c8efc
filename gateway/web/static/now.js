// Now: asks for the latest reading each second and puts its words in their places.
// The server makes all words; this script only moves them. A page out of sight asks nothing.
"use strict";

const live = document.getElementById("live");

function say(id, words) {
  const place = document.getElementById(id);
  // Only what changed is written: a screen reader reads each change aloud.
  if (place.textContent !== words) place.textContent = words;
  place.hidden = words === "";
}

function show(now) {
  if (now.shape !== live.dataset.shape) {
    location.reload();
    return;
  }
  live.dataset.fresh = now.fresh;
  live.dataset.exporting = now.exporting;
  say("problem", now.problem);
  say("damaged", now.damaged);
  for (const place of live.querySelectorAll("[data-live]")) {
    const words = now.texts[place.dataset.live];
    if (words !== undefined && place.textContent !== words) place.textContent = words;
  }
}

async function ask() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(live.dataset.source, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  } catch {
    document.getElementById("unreachable").hidden = false;
    live.dataset.fresh = false;
    return;
  }
  document.getElementById("unreachable").hidden = true;
  if (answer.status === 401) location.reload();
  if (answer.ok) show(await answer.json());
}

async function follow() {
  await ask();
  setTimeout(follow, 1000);
}

document.addEventListener("visibilitychange", ask);
setTimeout(follow, 1000);
