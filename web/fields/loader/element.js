// The frame's element in the page.

const HEIGHT_PX_MAX = 2000;
const BLEED_PX = 4; // room inside the frame for the ring around what has the focus

export function element(kind, frameUrl, key, { currency, labels, style }) {
  const frame = document.createElement("iframe");
  const url = new URL(frameUrl);
  url.searchParams.set("key", key);
  url.searchParams.set("origin", location.origin);
  if (currency) url.searchParams.set("account", currency);
  frame.src = url.href;
  frame.name = kind.frameName;
  frame.title = String(labels?.title ?? kind.title);
  frame.referrerPolicy = "no-referrer";
  frame.setAttribute("scrolling", "no");
  Object.assign(frame.style, {
    border: "0",
    colorScheme: style?.colorScheme === "dark" ? "dark" : "light", // else it would not be transparent
    display: "block",
    height: "0",
    margin: `-${BLEED_PX}px`,
    width: `calc(100% + ${2 * BLEED_PX}px)`,
  });
  return frame;
}

export function resize(frame, px) {
  frame.style.height = `${Math.min(Math.max(Number(px) || 0, 0), HEIGHT_PX_MAX)}px`;
}
