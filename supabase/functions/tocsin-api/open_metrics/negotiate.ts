/** Which of the two text formats a scraper takes, and whether it takes it compressed. */
export type Format = "openmetrics" | "text";

export const contentTypes: Record<Format, string> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
};

/** OpenMetrics 1.0 for who names it and prefers nothing else; what every scraper reads otherwise. */
export function formatFor(accept: string | null): Format {
  let openMetrics = 0;
  let text = 0;
  for (const { value, parameters, weight } of itemsOf(accept ?? "")) {
    const version = parameters.get("version");
    if (value === "application/openmetrics-text") {
      if (version === undefined || version === "1.0.0") openMetrics = Math.max(openMetrics, weight);
    } else if (value === "text/plain" || value === "text/*") {
      text = Math.max(text, weight);
    }
  }
  return openMetrics > 0 && openMetrics >= text ? "openmetrics" : "text";
}

export function takesGzip(acceptEncoding: string | null): boolean {
  return itemsOf(acceptEncoding ?? "").some(({ value, weight }) => value === "gzip" && weight > 0);
}

interface Item {
  value: string;
  parameters: Map<string, string>;
  weight: number;
}

/** The items of an Accept-like header. */
function itemsOf(header: string): Item[] {
  return header.split(",").flatMap((item) => {
    const [value = "", ...rest] = item.split(";").map((part) => part.trim().toLowerCase());
    if (value === "") return [];
    const parameters = new Map(
      rest.map((parameter) => {
        const [name = "", text = ""] = parameter.split("=").map((part) => part.trim());
        return [name, text.replace(/^"(.*)"$/, "$1")];
      }),
    );
    const weight = Number(parameters.get("q") ?? 1);
    return [{ value, parameters, weight: Number.isFinite(weight) ? weight : 0 }];
  });
}
