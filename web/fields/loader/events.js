// The three events of the fields, and who listens to them.

const NAMES = ["ready", "change", "error"];

export function events() {
  const handlers = new Map(NAMES.map((name) => [name, new Set()]));
  return {
    on(name, handler) {
      const of = handlers.get(name);
      if (!of) throw new TypeError(`there is no event ${name}, but ${NAMES.join(", ")}`);
      of.add(handler);
      return () => of.delete(handler);
    },
    emit(name, detail) {
      for (const handler of handlers.get(name)) {
        try {
          handler(detail);
        } catch (error) {
          setTimeout(() => { throw error; }); // the page's own: for its console, not in our way
        }
      }
    },
    clear() {
      for (const of of handlers.values()) of.clear();
    },
  };
}
