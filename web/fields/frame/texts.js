// Which words the frame says. A page may replace each of them.

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);
const LABEL_LENGTH_MAX = 120;

// {lang, dir, say, refused}: the words of a locale such as `de-AT`, with those that the page
// replaces, and the names of those that it cannot.
// Without a translation they are English; which way they run is the locale's all the same.
export function textsOf(words, locale, labels) {
  const language = String(locale ?? "").toLowerCase().split(/[-_]/)[0];
  const lang = Object.hasOwn(words, language) ? language : "en";
  const isWord = ([name, text]) => (
    Object.hasOwn(words.en, name) && typeof text === "string" && text.trim() !== ""
  );
  const own = Object.entries(labels ?? {}).filter(isWord);
  const texts = { ...words[lang] };
  for (const [name, text] of own) texts[name] = text.slice(0, LABEL_LENGTH_MAX);
  const isRightToLeft = RIGHT_TO_LEFT.has(language);
  return {
    lang: own.length > 0 && language ? language : lang,
    dir: isRightToLeft ? "rtl" : "ltr",
    say: (name) => texts[name] ?? "",
    refused: Object.entries(labels ?? {}).filter((entry) => !isWord(entry)).map(([name]) => name),
  };
}
