// What a page may say about the looks of the frame. Each name stands for one custom property that
// frame.css uses; a value that is not plainly of its kind is refused. None can load anything.

const COLOR = /^(#[0-9a-f]{3,8}|[a-z]{3,24}|(rgba?|hsla?|oklch|oklab|lch|lab)\([\d\s.,%/a-z-]{1,60}\))$/i;
const LENGTH = /^(0|\d{1,3}(\.\d{1,3})?(px|rem|em))$/;
const WEIGHT = /^(normal|bold|[1-9]00)$/;
const FAMILY = /^(-?[a-z][\w -]{0,40}|'[\w -]{1,40}'|"[\w -]{1,40}")$/i;
const FAMILIES_MAX = 10;

const color = (value) => COLOR.test(value) && CSS.supports("color", value);
const length = (value) => LENGTH.test(value);
const weight = (value) => WEIGHT.test(value);

function families(value) {
  const names = value.split(",");
  return names.length <= FAMILIES_MAX && names.every((name) => FAMILY.test(name.trim()));
}

export const ALLOWED = {
  backgroundColor: color,
  borderColor: color,
  borderRadius: length,
  borderWidth: length,
  color,
  errorColor: color,
  focusColor: color,
  fontFamily: families,
  fontSize: length,
  fontWeight: weight,
  gap: length,
  labelColor: color,
  labelFontSize: length,
  labelFontWeight: weight,
  paddingBlock: length,
  paddingInline: length,
  placeholderColor: color,
};
const COLOR_SCHEMES = ["light", "dark"];

// Applies what is allowed. The names of what is not.
export function apply(style, root) {
  const refused = [];
  for (const [name, value] of Object.entries(style ?? {})) {
    if (name === "colorScheme" && COLOR_SCHEMES.includes(value)) {
      root.dataset.colorScheme = value;
    } else if (Object.hasOwn(ALLOWED, name) && typeof value === "string" && ALLOWED[name](value)) {
      root.style.setProperty(propertyOf(name), value);
    } else {
      refused.push(name);
    }
  }
  return refused;
}

const propertyOf = (name) => `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
