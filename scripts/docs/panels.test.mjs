import assert from 'node:assert/strict';
import test from 'node:test';
import { drawDashboard, formatOf, scale } from './panels.mjs';

test('a scale ends at a round number that is not below the largest value', () => {
  assert.deepEqual(scale(0), { top: 1, ticks: [0, 1] });
  assert.equal(scale(3).top, 4);
  assert.equal(scale(10).top, 10);
  assert.equal(scale(61e6).top, 8e7);
  assert.deepEqual(scale(0.2).ticks, [0, 0.05, 0.1, 0.15000000000000002, 0.2]);
  assert.equal(scale(61 * 2 ** 20, 1024).top, 80 * 2 ** 20);
  assert.equal(scale(1000, 1024).top, 1000);
});

test("Grafana's units", () => {
  assert.equal(formatOf('binBps')(64 * 2 ** 20), '64 MiB/s');
  assert.equal(formatOf('s')(0.0213), '21.3 ms');
  assert.equal(formatOf('s')(12), '12 s');
  assert.equal(formatOf('percentunit')(0.5), '50 %');
  assert.equal(formatOf('ops')(12345), '12.3k/s');
  assert.equal(formatOf('none'), undefined);
  assert.throws(() => formatOf('furlongs'), /furlongs/);
});

test('each panel has its title, its lines and its last values, and text is escaped', () => {
  const panel = (type, unit, series) => ({
    title: `a <${type}>`,
    type,
    gridPos: { x: 0, y: 0, w: 12, h: 8 },
    fieldConfig: { defaults: { unit } },
    series,
  });
  const values = [
    [0, 1],
    [5, 2048],
  ];
  const drawn = drawDashboard(
    [
      panel('timeseries', 'bytes', [{ name: 'left & right', values }]),
      panel('stat', 'none', [
        { name: 'source active', values: [[1, 1]] },
        { name: 'source completed', values: [[5, 1]] },
      ]),
      panel('gauge', 'percentunit', [{ name: 'sent', values: [[5, 0.25]] }]),
    ],
    0,
    5,
  );
  assert.match(drawn, /a &lt;timeseries&gt;/);
  assert.match(drawn, /left &amp; right/);
  assert.match(drawn, /<polyline points="78\.0,\d/);
  assert.match(drawn, />completed</);
  assert.doesNotMatch(drawn, />active</);
  assert.match(drawn, />25 %</);
});
