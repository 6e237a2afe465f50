import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));

export default defineConfig({
  define: { __NUNCHI_VERSION__: JSON.stringify(version) },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "https://shop.example/cart?step=1" } },
    include: ["test/**/*.test.ts"],
    maxWorkers: 2,
  },
});
