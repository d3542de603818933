// The card frame: it belongs to the tokens' origin, and this page only says how it is to look.

import { checkoutKey } from "./api.js";

export function mountCard(container, locale, onError) {
  if (typeof window.Farthing !== "function") {
    onError();
    return null;
  }
  const card = window.Farthing(checkoutKey).cardFields(container, { locale, style: styleNow() });
  card.on("error", ({ code }) => { if (code === "frame_unavailable") onError(); });
  return card;
}

// The page's own colours, as they are now: in the frame they would mean nothing by their names.
function styleNow() {
  const values = getComputedStyle(document.documentElement);
  const value = (name) => values.getPropertyValue(name).trim();
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    colorScheme: isDark ? "dark" : "light",
    backgroundColor: value("--field"),
    borderColor: value("--line"),
    borderRadius: value("--radius"),
    borderWidth: "1px",
    color: value("--ink"),
    errorColor: value("--bad"),
    focusColor: value("--accent-ink"),
    fontFamily: value("--font"),
    fontSize: "16px",
    gap: "18px",
    labelColor: value("--ink"),
    labelFontSize: "14px",
    labelFontWeight: "500",
    paddingBlock: "11px",
    paddingInline: "12px",
    placeholderColor: value("--soft"),
  };
}
