import { readFileSync } from 'node:fs'
import t from 'tap'
import { groups } from '../bench/comparisons.ts'
import { measureAll, type Rows } from '../bench/results.ts'
import { seededRandom, shuffled } from '../bench/statistics.ts'
import { startPostgres } from './helpers/postgres.ts'

// A group of each kind of contestant, with all of them.
const some = groups.filter(({ title }) => ['generate', 'PostgreSQL: 20 generate requests at once'].includes(title))

t.test('the benchmark with a hundredth of its requests -> a number for each row, and the results have these rows', async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const rows: Rows = new Map()
  await measureAll(rows, { node: process.execPath, postgresUrl: postgres.url, random: seededRandom(1), share: 0.01 }, () => {}, some)
  t.strictSame([...rows.values()].flat().filter((value) => !Number.isFinite(value)), [])

  const [, results = ''] = readFileSync('bench/README.md', 'utf8').split('<!-- results -->')
  const titles = new Set([...results.matchAll(/^\| ([^|]*\S) +\|/gm)].map(([, title]) => title))
  t.strictSame([...rows.keys()].filter((title) => !titles.has(title)), [])
})

t.test('the same seed -> the same order', async (t) => {
  const orders = [1, 1, 2].map((seed) => shuffled(Array.from({ length: 20 }, (_, i) => i), seededRandom(seed)).join())
  t.equal(orders[0], orders[1])
  t.not(orders[0], orders[2])
})
