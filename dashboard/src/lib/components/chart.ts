// What uPlot needs to know to draw a chart of ours: colours from the theme, axes with units.

import uPlot from "uplot";
import { clock, count, dayOf, percent } from "../format.ts";
import type { Span } from "../range.ts";

export type Series = {
  label: string;
  /** One for each time; null: nothing known. */
  values: (number | null)[];
  /** The custom property of its colour: "--bad-fill". */
  color: string;
  /** Bars stand on those of the series after them; lines are drawn above all. */
  shape: "bar" | "line";
  format: (value: number) => string;
  /** Lines of another unit than the bars have an axis of their own, from 0 to 1. */
  isRate?: boolean;
  isDashed?: boolean;
};
export type Mark = {
  at: Date;
  text: string;
  /** What it marks, for the legend. */
  kind: string;
  color: string;
};
/** A span that is shaded, such as that of an alert. */
export type Band = { from: Date; to: Date; color: string };

type Options = {
  width: number;
  height: number;
  bucketMs: () => number;
  series: () => Series[];
  marks: () => Mark[];
  bands: () => Band[];
  /** The place under the pointer and how far right it is, from 0 to 1; undefined: it left. */
  onhover: (index: number | undefined, x: number) => void;
  onselect: (span: Span) => void;
};

// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- it is none at run time
const right: uPlot.Axis.Side = 1;
const wholeSteps = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  .flatMap((n) => [1, 2, 2.5, 5].map((m) => m * 10 ** n))
  .filter((step) => step % 1 === 0);
const font = '11px "Inter Variable", system-ui, sans-serif';

/** Times in seconds, then each series; bars are stacked: each upon those after it. */
export function stack(times: Date[], series: Series[]): uPlot.AlignedData {
  const bars = series.filter(({ shape }) => shape === "bar");
  const values = series.map((one) => {
    if (one.shape === "line") return one.values;
    const below = bars.slice(bars.indexOf(one) + 1);
    return one.values.map((value, index) => {
      const sum = below.reduce((total, { values }) => total + (values[index] ?? 0), value ?? 0);
      return sum === 0 ? null : sum;
    });
  });
  return [times.map((time) => time.getTime() / 1_000), ...values];
}

export function chartOptions(options: Options): uPlot.Options {
  const { width, height, bucketMs, series, marks, bands, onhover, onselect } = options;
  const hasBars = series().some(({ shape }) => shape === "bar");
  const hasRate = series().some(({ isRate }) => isRate);
  const left = series().find(({ isRate }) => !isRate);
  const half = (): number => bucketMs() / 2_000;
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, hasRate ? 0 : 12, 0, 0],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
    },
    scales: {
      x: {
        time: true,
        // The first and the last bar are as wide as the others.
        range: (_chart, min, max) => (hasBars ? [min - half(), max + half()] : [min, max]),
      },
      y: { range: (_chart, _min, max) => [0, niceTop(max)] },
      rate: { range: [0, 1] },
    },
    axes: [
      {
        stroke: () => color("--faint"),
        font,
        grid: { show: false },
        ticks: { show: false },
        size: 26,
        space: 70,
        values: (_chart, splits) => labelTimes(splits),
      },
      {
        scale: "y",
        stroke: () => color("--faint"),
        font,
        size: 52,
        space: 34,
        // half a run is none
        ...(hasBars ? { incrs: wholeSteps } : {}),
        ticks: { show: false },
        grid: { stroke: () => color("--line"), width: 1 },
        values: (_chart, splits) => splits.map((value) => left?.format(value) ?? count(value)),
      },
      ...(hasRate
        ? [
            {
              scale: "rate",
              side: right,
              stroke: () => color("--faint"),
              font,
              size: 52,
              ticks: { show: false },
              grid: { show: false },
              splits: [0, 0.5, 1],
              values: () => [percent(0), percent(0.5), percent(1)],
            },
          ]
        : []),
    ],
    series: [{}, ...series().map(drawn)],
    hooks: {
      drawAxes: [(chart) => drawBands(chart, bands())],
      draw: [(chart) => drawMarks(chart, marks())],
      setCursor: [
        ({ cursor, bbox }) => {
          const x =
            ((cursor.left ?? -1) * devicePixelRatio + bbox.left) / (width * devicePixelRatio);
          onhover((cursor.left ?? -1) < 0 ? undefined : (cursor.idx ?? undefined), x);
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 8) return;
          const at = (x: number) => new Date(chart.posToVal(x, "x") * 1_000);
          onselect({ from: at(left), to: at(left + width) });
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

function drawn(one: Series): uPlot.Series {
  const stroke = () => color(one.color);
  if (one.shape === "bar") {
    const paths = uPlot.paths.bars?.({ size: [0.82, 46], radius: 0.12 });
    return {
      label: one.label,
      fill: stroke,
      width: 0,
      points: { show: false },
      ...(paths ? { paths } : {}),
    };
  }
  return {
    label: one.label,
    scale: one.isRate ? "rate" : "y",
    stroke,
    width: 1.75,
    points: { show: false },
    spanGaps: true,
    ...(one.isDashed ? { dash: [4, 4] } : {}),
  };
}

function drawMarks(chart: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  for (const mark of marks) {
    const x = Math.round(chart.valToPos(mark.at.getTime() / 1_000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.fillStyle = color(mark.color);
    ctx.fillRect(x, bbox.top, Math.round(devicePixelRatio * 1.5), bbox.height);
  }
  ctx.restore();
}

function drawBands(chart: uPlot, bands: Band[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.globalAlpha = 0.16;
  const end = bbox.left + bbox.width;
  for (const band of bands) {
    const place = (at: Date) => chart.valToPos(at.getTime() / 1_000, "x", true);
    const left = Math.max(bbox.left, place(band.from));
    const right = Math.min(end, Math.max(place(band.to), left + 2 * devicePixelRatio));
    if (right <= bbox.left || left >= end) continue;
    ctx.fillStyle = color(band.color);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

/** A little above the highest, so that its grid line has a round number; never 0 to 0. */
function niceTop(max: number | null): number {
  if (!max || max <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(max));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= max) ?? 10;
  return step * unit;
}

function labelTimes(splits: number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((seconds) => {
    const date = new Date(seconds * 1_000);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
    return step >= 86_400 || isMidnight ? dayOf(date) : clock(date);
  });
}
