// The shop's own page with the card fields in it. What it gets is a token; its server pays with it.

const form = document.querySelector("#pay");
const button = form.querySelector("button");
const said = document.querySelector("#said");

const card = Farthing(form.dataset.key).cardFields("#card", { locale: "en" });
card.on("ready", () => { button.disabled = false; });
card.on("error", ({ message }) => { said.textContent = message; });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  said.textContent = "Paying …";
  try {
    const { token, last_four: lastFour } = await card.createToken({ name: form.querySelector("#name").value });
    const body = new URLSearchParams({ product: form.dataset.product, token });
    const answer = await fetch("/direct", { method: "POST", body });
    said.textContent = words(answer.status, await answer.json(), lastFour);
    if (answer.status === 402) card.clear();
  } catch (refused) {
    said.textContent = refused.message;
  } finally {
    button.disabled = false;
  }
});

function words(status, answer, lastFour) {
  if (status === 201) return `Paid with the card that ends in ${lastFour}: ${answer.intent_id}`;
  if (status === 202) return `Not known yet, do not pay again: ${answer.intent_id}`;
  return answer.detail ?? answer.title ?? "It did not work.";
}
