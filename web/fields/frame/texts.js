// The words of the frame, in the languages that it speaks. A page may replace each of them.

const en = {
  title: "Card details",
  number: "Card number",
  expiry: "Expiry date",
  cvc: "Security code",
  expiry_placeholder: "MM / YY",
  number_empty: "Enter your card number.",
  number_incomplete: "The card number is incomplete.",
  number_invalid: "The card number is not right.",
  number_refused: "This card number was not accepted.",
  expiry_empty: "Enter the expiry date.",
  expiry_incomplete: "The expiry date is incomplete.",
  expiry_invalid: "The expiry date is not right.",
  expiry_expired: "The card has expired.",
  expiry_refused: "This expiry date was not accepted.",
  cvc_empty: "Enter the security code.",
  cvc_incomplete: "The security code is incomplete.",
  cvc_refused: "This security code was not accepted.",
  card_incomplete: "Check the card details.",
  card_refused: "The card details were not accepted.",
  details_refused: "The name or billing address was not accepted.",
  key_refused: "Card payments are not set up on this page.",
  network_error: "No connection. The card was not saved; try again.",
  rate_limited: "Too many attempts. Try again in a minute.",
  server_error: "Something went wrong. The card was not saved; try again.",
};

const de = {
  title: "Kartendaten",
  number: "Kartennummer",
  expiry: "Gültig bis",
  cvc: "Prüfnummer",
  expiry_placeholder: "MM / JJ",
  number_empty: "Geben Sie die Kartennummer ein.",
  number_incomplete: "Die Kartennummer ist unvollständig.",
  number_invalid: "Die Kartennummer stimmt nicht.",
  number_refused: "Diese Kartennummer wurde nicht angenommen.",
  expiry_empty: "Geben Sie an, bis wann die Karte gültig ist.",
  expiry_incomplete: "Das Gültigkeitsdatum ist unvollständig.",
  expiry_invalid: "Das Gültigkeitsdatum stimmt nicht.",
  expiry_expired: "Die Karte ist abgelaufen.",
  expiry_refused: "Dieses Gültigkeitsdatum wurde nicht angenommen.",
  cvc_empty: "Geben Sie die Prüfnummer ein.",
  cvc_incomplete: "Die Prüfnummer ist unvollständig.",
  cvc_refused: "Diese Prüfnummer wurde nicht angenommen.",
  card_incomplete: "Prüfen Sie die Kartendaten.",
  card_refused: "Die Kartendaten wurden nicht angenommen.",
  details_refused: "Name oder Rechnungsadresse wurden nicht angenommen.",
  key_refused: "Kartenzahlung ist auf dieser Seite nicht eingerichtet.",
  network_error: "Keine Verbindung. Die Karte wurde nicht gespeichert; versuchen Sie es noch einmal.",
  rate_limited: "Zu viele Versuche. Versuchen Sie es in einer Minute wieder.",
  server_error: "Etwas ging schief. Die Karte wurde nicht gespeichert; versuchen Sie es noch einmal.",
};

const fr = {
  title: "Données de la carte",
  number: "Numéro de carte",
  expiry: "Date d’expiration",
  cvc: "Code de sécurité",
  expiry_placeholder: "MM / AA",
  number_empty: "Saisissez le numéro de carte.",
  number_incomplete: "Le numéro de carte est incomplet.",
  number_invalid: "Le numéro de carte n’est pas correct.",
  number_refused: "Ce numéro de carte n’a pas été accepté.",
  expiry_empty: "Saisissez la date d’expiration.",
  expiry_incomplete: "La date d’expiration est incomplète.",
  expiry_invalid: "La date d’expiration n’est pas correcte.",
  expiry_expired: "La carte a expiré.",
  expiry_refused: "Cette date d’expiration n’a pas été acceptée.",
  cvc_empty: "Saisissez le code de sécurité.",
  cvc_incomplete: "Le code de sécurité est incomplet.",
  cvc_refused: "Ce code de sécurité n’a pas été accepté.",
  card_incomplete: "Vérifiez les données de la carte.",
  card_refused: "Les données de la carte n’ont pas été acceptées.",
  details_refused: "Le nom ou l’adresse de facturation n’a pas été accepté.",
  key_refused: "Le paiement par carte n’est pas configuré sur cette page.",
  network_error: "Pas de connexion. La carte n’a pas été enregistrée ; réessayez.",
  rate_limited: "Trop de tentatives. Réessayez dans une minute.",
  server_error: "Une erreur est survenue. La carte n’a pas été enregistrée ; réessayez.",
};

const es = {
  title: "Datos de la tarjeta",
  number: "Número de tarjeta",
  expiry: "Fecha de caducidad",
  cvc: "Código de seguridad",
  expiry_placeholder: "MM / AA",
  number_empty: "Introduzca el número de tarjeta.",
  number_incomplete: "El número de tarjeta está incompleto.",
  number_invalid: "El número de tarjeta no es correcto.",
  number_refused: "Este número de tarjeta no fue aceptado.",
  expiry_empty: "Introduzca la fecha de caducidad.",
  expiry_incomplete: "La fecha de caducidad está incompleta.",
  expiry_invalid: "La fecha de caducidad no es correcta.",
  expiry_expired: "La tarjeta ha caducado.",
  expiry_refused: "Esta fecha de caducidad no fue aceptada.",
  cvc_empty: "Introduzca el código de seguridad.",
  cvc_incomplete: "El código de seguridad está incompleto.",
  cvc_refused: "Este código de seguridad no fue aceptado.",
  card_incomplete: "Revise los datos de la tarjeta.",
  card_refused: "Los datos de la tarjeta no fueron aceptados.",
  details_refused: "El nombre o la dirección de facturación no fue aceptado.",
  key_refused: "El pago con tarjeta no está configurado en esta página.",
  network_error: "Sin conexión. La tarjeta no se guardó; inténtelo de nuevo.",
  rate_limited: "Demasiados intentos. Inténtelo de nuevo en un minuto.",
  server_error: "Algo salió mal. La tarjeta no se guardó; inténtelo de nuevo.",
};

export const LOCALES = { en, de, fr, es };
const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);
const LABEL_LENGTH_MAX = 120;

// {lang, dir, say, refused}: the words of a locale such as `de-AT`, with those that the page
// replaces, and the names of those that it cannot.
// Without a translation they are English; which way they run is the locale's all the same.
export function textsOf(locale, labels) {
  const language = String(locale ?? "").toLowerCase().split(/[-_]/)[0];
  const lang = Object.hasOwn(LOCALES, language) ? language : "en";
  const isWord = ([name, text]) => (
    Object.hasOwn(en, name) && typeof text === "string" && text.trim() !== ""
  );
  const own = Object.entries(labels ?? {}).filter(isWord);
  const texts = { ...LOCALES[lang] };
  for (const [name, text] of own) texts[name] = text.slice(0, LABEL_LENGTH_MAX);
  const isRightToLeft = RIGHT_TO_LEFT.has(language);
  return {
    lang: own.length > 0 && language ? language : lang,
    dir: isRightToLeft ? "rtl" : "ltr",
    say: (name) => texts[name] ?? "",
    refused: Object.entries(labels ?? {}).filter((entry) => !isWord(entry)).map(([name]) => name),
  };
}
