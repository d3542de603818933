// What a page is told when something is not as it should be: a code to act on, and words.

export class FieldsError extends Error {
  constructor(code, message, fields = {}) {
    super(message);
    this.name = "FieldsError";
    this.code = code;
    this.fields = fields;
  }
}
