/** What the page draws: made by the command, read by the page's script. It imports nothing, since both use it. */
export interface Plot {
  /** Of its canvas. */
  readonly id: string;
  /** With the unit. */
  readonly title: string;
  /** Ways of moving the guest, from left to right. */
  readonly rows: readonly string[];
  readonly series: readonly PlotSeries[];
}

export interface PlotSeries {
  readonly contender: string;
  readonly color: string;
  /** Row by row; null: nothing was measured. */
  readonly bars: readonly (PlotBar | null)[];
}

export interface PlotBar {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}
