// The words that every kind of field has in common.

export const en = {
  key_refused: "Payments are not set up on this page.",
  network_error: "No connection. Nothing was saved; try again.",
  rate_limited: "Too many attempts. Try again in a minute.",
  server_error: "Something went wrong. Nothing was saved; try again.",
};

export const de = {
  key_refused: "Zahlungen sind auf dieser Seite nicht eingerichtet.",
  network_error: "Keine Verbindung. Nichts wurde gespeichert; versuchen Sie es noch einmal.",
  rate_limited: "Zu viele Versuche. Versuchen Sie es in einer Minute wieder.",
  server_error: "Etwas ging schief. Nichts wurde gespeichert; versuchen Sie es noch einmal.",
};

export const fr = {
  key_refused: "Le paiement n’est pas configuré sur cette page.",
  network_error: "Pas de connexion. Rien n’a été enregistré ; réessayez.",
  rate_limited: "Trop de tentatives. Réessayez dans une minute.",
  server_error: "Une erreur est survenue. Rien n’a été enregistré ; réessayez.",
};

export const es = {
  key_refused: "El pago no está configurado en esta página.",
  network_error: "Sin conexión. No se guardó nada; inténtelo de nuevo.",
  rate_limited: "Demasiados intentos. Inténtelo de nuevo en un minuto.",
  server_error: "Algo salió mal. No se guardó nada; inténtelo de nuevo.",
};
