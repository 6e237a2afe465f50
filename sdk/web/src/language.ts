const RIGHT_TO_LEFT = ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "ug", "ur", "yi"];
const RIGHT_TO_LEFT_SCRIPT = /-(arab|hebr|thaa|syrc|nkoo|adlm)\b/i;

const CLOSE: Record<string, string> = {
  ar: "إغلاق",
  de: "Schließen",
  en: "Close",
  es: "Cerrar",
  fa: "بستن",
  fr: "Fermer",
  he: "סגירה",
  id: "Tutup",
  it: "Chiudi",
  ja: "閉じる",
  ko: "닫기",
  nl: "Sluiten",
  pl: "Zamknij",
  pt: "Fechar",
  ru: "Закрыть",
  th: "ปิด",
  tr: "Kapat",
  vi: "Đóng",
  zh: "关闭",
};

function base(locale: string): string {
  return locale.toLowerCase().split(/[-_]/)[0] ?? "";
}

/** Direction of a message: that of its language, or the page's where the language is not told. */
export function directionOf(locale: string | undefined): "rtl" | "ltr" {
  if (locale) return RIGHT_TO_LEFT.includes(base(locale)) || RIGHT_TO_LEFT_SCRIPT.test(locale) ? "rtl" : "ltr";
  return getComputedStyle(document.documentElement).direction === "rtl" ? "rtl" : "ltr";
}

/** The close button's name. */
export function closeLabel(locale: string | undefined): string {
  return CLOSE[base(locale || document.documentElement.lang || "en")] ?? "Close";
}
