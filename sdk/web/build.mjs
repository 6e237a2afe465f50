// Builds dist/: nunchi.js (classic script), nunchi.mjs (ES module), nunchi.d.ts. The same input gives the same bytes.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const banner = `/*! nunchi-web ${version} | Apache-2.0 */`;

const shared = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: "es2020",
  charset: "ascii",
  legalComments: "none",
  banner: { js: banner },
  define: { __NUNCHI_VERSION__: JSON.stringify(version) },
  logLevel: "warning",
};

await build({ ...shared, entryPoints: ["src/script.ts"], format: "iife", outfile: "dist/nunchi.js" });
await build({ ...shared, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/nunchi.mjs" });

const methods = "init identify track page reset pause resume onMessage render flush person".split(" ");
const types = readFileSync(`${root}src/api.ts`, "utf8");
const exported = methods.map((name) => `export declare const ${name}: Nunchi["${name}"];`).join("\n");
writeFileSync(`${root}dist/nunchi.d.ts`, `${banner}\n${types}\n${exported}\n`);

for (const name of ["nunchi.js", "nunchi.mjs"]) {
  const bytes = readFileSync(`${root}dist/${name}`);
  console.log(`dist/${name}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
}
