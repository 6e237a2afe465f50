// The demo shop: an ordinary page that tells Nunchi's SDK what people do in it.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const KEY = "dalbit.visitor";
  const NAMES = ["Ada", "Ben", "Grace", "Hana", "Leo", "Maya", "Noah", "Priya", "Sofia", "Theo", "지우", "서연", "민준", "하린"];
  const CITIES = ["New York", "Seoul", "London", "Berlin", "Toronto"];
  const random = () => Math.random().toString(36).slice(2, 10);
  const oneOf = (list) => list[Math.floor(Math.random() * list.length)];

  const fresh = () => ({ cartId: `cart-${random()}`, lines: [], liked: [], name: "" });
  let visitor = load();
  const looked = new Set();

  function load() {
    try {
      return { ...fresh(), ...JSON.parse(localStorage.getItem(KEY) || "{}") };
    } catch {
      return fresh();
    }
  }

  function save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(visitor));
    } catch {
      // Private mode: the cart lasts as long as the page.
    }
    draw();
  }

  const productOf = (card) => ({
    product_id: card.dataset.productId,
    name: card.dataset.name,
    category: card.dataset.category,
    price: Number(card.dataset.price),
  });

  function draw() {
    const total = visitor.lines.reduce((sum, { price }) => sum + price, 0);
    const isEmpty = visitor.lines.length === 0;
    $("badge").hidden = isEmpty;
    $("badge").textContent = visitor.lines.length;
    $("cart-empty").hidden = !isEmpty || !$("thanks").hidden;
    $("cart-total").hidden = $("buy").hidden = isEmpty;
    $("cart-sum").textContent = `$${total}`;
    $("cart-lines").replaceChildren(
      ...visitor.lines.map(({ name, price }) => {
        const line = document.createElement("li");
        const [what, costs] = [document.createElement("span"), document.createElement("span")];
        what.textContent = name;
        costs.textContent = `$${price}`;
        line.append(what, costs);
        return line;
      }),
    );
    $("who").textContent = visitor.name || "Sign in";
    $("who").title = visitor.name ? "Sign out" : "Sign in as somebody invented";
    for (const card of document.querySelectorAll(".card")) {
      card.querySelector(".like").setAttribute("aria-pressed", visitor.liked.includes(card.dataset.productId));
    }
  }

  function look(card) {
    if (looked.has(card)) return;
    looked.add(card);
    nunchi.track("product_viewed", productOf(card));
  }

  function like(card) {
    const product = productOf(card);
    const isLiked = visitor.liked.includes(product.product_id);
    visitor.liked = isLiked ? visitor.liked.filter((id) => id !== product.product_id) : [...visitor.liked, product.product_id];
    nunchi.track(isLiked ? "product_unliked" : "product_liked", product);
    save();
  }

  function add(card) {
    const product = productOf(card);
    visitor.lines.push(product);
    $("thanks").hidden = true;
    // The message names it: a public trait, because this page cannot prove who its visitor is.
    nunchi.identify({ cart_product: product.name, cart_picture: product.product_id });
    nunchi.track("added_to_cart", { cart_id: visitor.cartId, ...product });
    save();
  }

  function buy() {
    const total = visitor.lines.reduce((sum, { price }) => sum + price, 0);
    const products = visitor.lines.map(({ product_id }) => product_id);
    nunchi.track("purchased", { cart_id: visitor.cartId, total, products });
    visitor.lines = [];
    visitor.cartId = `cart-${random()}`;
    $("thanks").hidden = false;
    save();
  }

  function search(query) {
    const wanted = query.trim().toLowerCase();
    let results = 0;
    for (const card of document.querySelectorAll(".card")) {
      const text = `${card.dataset.name} ${card.dataset.category} ${card.querySelector(".about p").textContent}`.toLowerCase();
      card.hidden = !text.includes(wanted);
      results += card.hidden ? 0 : 1;
    }
    $("found").textContent = wanted === "" ? "" : results === 0 ? `Nothing found for “${query.trim()}”.` : `${results} found`;
    return results;
  }

  function signIn() {
    if (visitor.name) return startOver();
    const name = oneOf(NAMES);
    visitor.name = name;
    const language = /[가-힣]/.test(name) ? "ko" : "en";
    nunchi.identify(`visitor-${random()}`, { first_name: name, city: language === "ko" ? "Seoul" : oneOf(CITIES), language });
    save();
  }

  function startOver() {
    nunchi.reset();
    visitor = fresh();
    looked.clear();
    $("thanks").hidden = true;
    $("query").value = "";
    search("");
    save();
    window.dispatchEvent(new Event("demo:restart"));
  }

  for (const card of document.querySelectorAll(".card")) {
    let resting;
    card.addEventListener("pointerenter", () => (resting = setTimeout(look, 800, card)));
    card.addEventListener("pointerleave", () => clearTimeout(resting));
    card.querySelector(".picture img").addEventListener("click", () => look(card));
    card.querySelector(".like").addEventListener("click", () => like(card));
    card.querySelector(".add").addEventListener("click", () => add(card));
  }
  $("buy").addEventListener("click", buy);
  $("help").addEventListener("click", () => {
    nunchi.track("help_opened", { topic: "shop" });
    $("found").textContent = "Nobody is at the desk: this is a demo. Search in vain three times, and Nunchi offers help.";
  });
  $("who").addEventListener("click", signIn);
  $("restart").addEventListener("click", startOver);
  $("query").addEventListener("input", () => search($("query").value));
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const query = $("query").value.trim();
    if (query) nunchi.track("search", { query, results: search(query) });
    $("query").blur();
  });
  addEventListener("hashchange", () => location.hash === "#cart" && $("cart").focus({ preventScroll: true }));

  draw();
  nunchi.page("shop");
})();
