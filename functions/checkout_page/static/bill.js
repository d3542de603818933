// The left half: who asks for how much, and for what.

const $ = (id) => document.getElementById(id);

// Only web addresses are followed, whatever the API says.
export const webAddress = (text) => (/^https?:\/\//i.test(text ?? "") ? text : null);

export function showBill(session, say, money) {
  const merchant = session.merchant.name;
  document.title = say("document", { merchant });
  $("merchant").textContent = merchant;
  $("mark").textContent = [...merchant.trim()][0] ?? "";
  $("pay-to").textContent = say(session.status === "PAID" ? "has_paid" : "pay_to");
  $("total").textContent = money(session.amount_cents);
  $("test").textContent = say("test");
  $("test").hidden = session.livemode;
  showCancel(session, say("back", { merchant }));
  $("items").replaceChildren(...session.line_items.map((line) => item(line, say, money)));
  $("sum-text").textContent = say("sum");
  $("sum-amount").textContent = money(session.amount_cents);
  $("sum").hidden = session.line_items.length < 2;
}

function showCancel(session, text) {
  const address = webAddress(session.cancel_url);
  $("cancel").hidden = !address || !["OPEN", "EXPIRED"].includes(session.status);
  if (address) $("cancel").href = address;
  $("cancel-text").textContent = text;
}

function item(line, say, money) {
  const row = document.createElement("li");
  const picture = webAddress(line.image_url);
  if (picture) row.append(image(picture));
  else row.className = "plain";
  row.append(span("what", line.name), span("price", money(line.quantity * line.amount_cents)));
  if (line.quantity > 1) {
    const each = { quantity: line.quantity, price: money(line.amount_cents) };
    row.append(span("each", say("each", each)));
  }
  return row;
}

function image(address) {
  const picture = document.createElement("img");
  Object.assign(picture, { alt: "", width: 48, height: 48, referrerPolicy: "no-referrer" });
  picture.addEventListener("error", () => { picture.style.visibility = "hidden"; });
  picture.src = address;
  return picture;
}

function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}
