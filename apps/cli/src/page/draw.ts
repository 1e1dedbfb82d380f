/** The script of the page that `multifd bench --report` writes: it draws its plots. It runs in a browser, not in Node. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Legend,
  LinearScale,
  type Plugin,
  Tooltip,
} from 'chart.js';
import type { Plot, PlotBar } from './plots.js';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Legend, Tooltip);

const plots: readonly Plot[] = JSON.parse(document.querySelector('#plots')?.textContent ?? '[]');
for (const plot of plots) {
  const canvas = document.querySelector(`#${plot.id}`);
  if (canvas instanceof HTMLCanvasElement) draw(canvas, plot);
}
// Whoever opens it without eyes looks at this.
document.body.dataset.drawn = `${plots.length}`;

function draw(canvas: HTMLCanvasElement, { title, rows, series }: Plot): void {
  const figure = (bar: PlotBar | null | undefined) =>
    bar ? `${bar.median} (${bar.lowest} to ${bar.highest})` : 'not measured';
  // Lines go higher than bars.
  const highest = Math.max(...series.flatMap(({ bars }) => bars.map((bar) => bar?.highest ?? 0)));
  new Chart(canvas, {
    type: 'bar',
    data: {
      labels: [...rows],
      datasets: series.map(({ contender, color, bars }) => ({
        label: contender,
        backgroundColor: color,
        data: bars.map((bar) => bar?.median ?? null),
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      scales: { y: { beginAtZero: true, suggestedMax: highest, title: { display: true, text: title } } },
      plugins: {
        legend: { position: 'bottom' },
        tooltip: {
          callbacks: {
            label: ({ datasetIndex, dataIndex }) =>
              `${series[datasetIndex]?.contender}: ${figure(series[datasetIndex]?.bars[dataIndex])}`,
          },
        },
      },
    },
    plugins: [spreads(series.map(({ bars }) => bars))],
  });
}

/** A line from the lowest to the highest sample on each bar. */
function spreads(bars: readonly (readonly (PlotBar | null)[])[]): Plugin<'bar'> {
  return {
    id: 'spreads',
    afterDatasetsDraw(chart) {
      const { ctx, scales } = chart;
      const y = scales.y;
      if (y === undefined) return;
      ctx.save();
      ctx.strokeStyle = '#222';
      ctx.lineWidth = 1.5;
      bars.forEach((each, dataset) => {
        const shapes = chart.isDatasetVisible(dataset) ? chart.getDatasetMeta(dataset).data : [];
        shapes.forEach((shape, row) => {
          const bar = each[row];
          if (!bar) return;
          const [top, bottom] = [y.getPixelForValue(bar.highest), y.getPixelForValue(bar.lowest)];
          ctx.beginPath();
          ctx.moveTo(shape.x, top);
          ctx.lineTo(shape.x, bottom);
          for (const end of [top, bottom]) {
            ctx.moveTo(shape.x - 3, end);
            ctx.lineTo(shape.x + 3, end);
          }
          ctx.stroke();
        });
      });
      ctx.restore();
    },
  };
}
