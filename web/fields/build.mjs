// Builds the card frame and its loader into functions/fields/static, which is committed: whoever
// runs the stack needs no Node.
//
//     node build.mjs            write what is built
//     node build.mjs --check    write nothing; fail if what is committed is not what is built
//
// A file's name holds the hash of its content, so a browser may keep it for ever, and scripts.json
// lists each with the integrity that pages ask for and why it is there (PCI DSS 6.4.3). Our own
// hosted page names the loader like any other page: in functions/checkout_page/static/fields.json.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, version } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const INTO = fileURLToPath(new URL("../../functions/fields/static/", import.meta.url));
const PAGE = fileURLToPath(new URL("../../functions/checkout_page/static/fields.json", import.meta.url));
const GZIPPED_BYTES_MAX = 20_000;
const BROWSERS = ["chrome111", "edge111", "firefox113", "safari16.2"];
const BUNDLED = ["card-validator", "credit-card-type"];
const WHY = {
  loader: "makes the global Farthing in the merchant's page: puts the frame there and talks to it",
  script: "reads what is typed into the frame, and sends it to POST /v1/tokens of its own origin",
  style: "the looks of the frame",
  page: "the frame itself: the inputs of a card and of an account, with their labels",
};

const digest = (algorithm, content, form) => createHash(algorithm).update(content).digest(form);
const integrity = (content) => `sha384-${digest("sha384", content, "base64")}`;
const named = (name, content) => {
  const [base, ending] = name.split(".");
  return `${base}-${digest("sha256", content, "hex").slice(0, 12)}.${ending}`;
};
const read = (path) => readFileSync(HERE + path, "utf8");

async function bundled(entry, banner) {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    banner: { [entry.endsWith(".css") ? "css" : "js"]: `/* ${banner} */` },
    bundle: true,
    charset: "utf8",
    format: "iife",
    legalComments: "none",
    minify: true,
    target: BROWSERS,
    write: false,
  });
  return outputFiles[0].text;
}

function licences() {
  const texts = BUNDLED.map((name) => {
    const { version: of, license } = JSON.parse(read(`node_modules/${name}/package.json`));
    return `${name} ${of} (${license})\n\n${read(`node_modules/${name}/LICENSE`).trim()}\n`;
  });
  return `What is in the card frame's script and was not written for it.\n\n${texts.join("\n\n")}`;
}

async function built() {
  const versions = BUNDLED.map((name) => {
    const { version: of } = JSON.parse(read(`node_modules/${name}/package.json`));
    return `${name} ${of}`;
  });
  const loader = await bundled("loader/main.js", "Farthing, Apache-2.0");
  const script = await bundled(
    "frame/main.js",
    `Farthing, Apache-2.0. With ${versions.join(" and ")}, MIT: see licenses.txt`,
  );
  const style = await bundled("frame/frame.css", "Farthing, Apache-2.0");
  const names = {
    loader: named("fields.js", loader),
    script: named("frame.js", script),
    style: named("frame.css", style),
    page: "frame.html",
  };
  const page = read("frame/frame.html")
    .replace('href="frame.css"', `href="${names.style}" integrity="${integrity(style)}"`)
    .replace('src="frame.js"', `src="${names.script}" integrity="${integrity(script)}"`);
  const contents = { loader, script, style, page };
  const inventory = Object.entries(contents).map(([kind, content]) => (
    { kind, path: names[kind], integrity: integrity(content), why: WHY[kind] }
  ));
  const files = new Map(Object.entries(contents).map(([kind, text]) => [names[kind], text]));
  const sizes = [...files].map(([name, text]) => [name, gzipSync(text, { level: 9 }).length]);
  files.set("licenses.txt", licences());
  files.set("scripts.json", `${JSON.stringify(inventory, null, 2)}\n`);
  const { path, integrity: hash } = inventory.find(({ kind }) => kind === "loader");
  const forPage = `${JSON.stringify({ path, integrity: hash }, null, 2)}\n`;
  return { files, sizes, forPage };
}

// Loaders of earlier releases, which merchants' pages name with their integrity: still served.
const kept = () => new Map(JSON.parse(read("kept.json")).map((row) => [row.path, row.integrity]));

function differences(files, forPage) {
  const there = existsSync(INTO) ? readdirSync(INTO) : [];
  const on = (name) => readFileSync(INTO + name, "utf8");
  return [
    ...[...files].filter(([name, text]) => !there.includes(name) || on(name) !== text).map(([name]) => name),
    ...[...kept()].filter(([name, hash]) => !there.includes(name) || integrity(on(name)) !== hash).map(([name]) => name),
    ...there.filter((name) => !files.has(name) && !kept().has(name)),
    ...(readFileSync(PAGE, "utf8") === forPage ? [] : ["checkout_page's fields.json"]),
  ];
}

function write(files, forPage) {
  mkdirSync(INTO, { recursive: true });
  for (const name of readdirSync(INTO)) {
    if (!files.has(name) && !kept().has(name)) rmSync(INTO + name);
  }
  for (const [name, text] of files) writeFileSync(INTO + name, text);
  writeFileSync(PAGE, forPage);
}

const { files, sizes, forPage } = await built();
const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
for (const [name, bytes] of sizes) console.log(`${String(bytes).padStart(6)} bytes gzipped  ${name}`);
console.log(`${String(total).padStart(6)} of ${GZIPPED_BYTES_MAX}, by esbuild ${version}`);
if (total > GZIPPED_BYTES_MAX) {
  console.error("That is too much to load before anybody can pay.");
  process.exitCode = 1;
}
if (process.argv.includes("--check")) {
  const differing = differences(files, forPage);
  if (differing.length > 0) {
    console.error(`Run make web: functions/fields/static is not what is built: ${differing.join(", ")}`);
    process.exitCode = 1;
  }
} else {
  write(files, forPage);
}
