// Fields that are filled in together: whether all is there, and what is wrong with it.

export function group(fields) {
  const problems = (of) => Object.fromEntries(
    fields.map((one) => [one.name, one[of]]).filter(([, problem]) => problem !== null),
  );
  return {
    // What the page may know of all of them.
    state: () => ({
      complete: fields.every((one) => one.problem === null),
      empty: fields.every(({ now }) => now.problem === "empty" || now.isGiven === true),
      problems: problems("shown"),
    }),
    // What is wrong, shown to who typed it, who is taken to the first of it. Empty if nothing is.
    check() {
      const wrong = problems("problem");
      fields.filter((one) => one.name in wrong).forEach((one) => one.ask());
      fields.find((one) => one.name in wrong)?.focus();
      return wrong;
    },
    refuse(names) {
      const refused = fields.filter((one) => names.includes(one.name));
      refused.forEach((one) => one.refuse());
      refused[0]?.focus();
    },
    forgive: () => fields.forEach((one) => one.forgive()), // what was refused was all as it was
    clear: () => fields.forEach((one) => one.clear()),
    focus: () => fields[0].focus(),
    hold: (isHeld) => fields.forEach((one) => one.hold(isHeld)),
    say: () => fields.forEach((one) => one.say()),
  };
}
