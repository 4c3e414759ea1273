import { groups, type Group, type Measured } from './comparisons.ts'
import { measureImport, measureMemory, measureRound, medianOfPairs, type Conditions } from './measure.ts'
import { median, spread } from './statistics.ts'

/** The values of each row by its title, one for each round. */
export type Rows = Map<string, number[]>

const memoryOf = ['plugin', 'bearer-auth with a timer']
const importsPerRound = 5

/** Measures everything once, or only some groups. */
export async function measureAll (rows: Rows, conditions: Conditions, progress: (title: string) => void, only: readonly Group[] = groups): Promise<void> {
  for (const group of only) {
    progress(group.title)
    addRows(rows, group, await measureRound(group, conditions))
  }
  progress('import and memory')
  const imports = []
  for (let i = 0; i < importsPerRound * conditions.share; i++) imports.push(await measureImport(conditions))
  add(rows, 'importing the plugin / importing Fastify', median(imports.map(([fastify, plugin]) => plugin / fastify)))
  for (const name of memoryOf) {
    const [pending, finished] = await measureMemory(name, conditions)
    add(rows, `KB of heap of a pending request, ${name}`, pending / 1000)
    if (name === 'plugin') add(rows, 'KB of heap that a finished request leaves', finished / 1000)
  }
}

function addRows (rows: Rows, { title, others, compared, request }: Group, round: Map<string, Measured[]>): void {
  for (const name of others) {
    if (name === 'no check') {
      add(rows, `${title}: µs of the plugin over no check`, medianOfPairs(round, name, (other, plugin) => plugin.cpu - other.cpu))
      continue
    }
    for (const time of compared) {
      add(rows, `${title}: ${name} / plugin${time === 'elapsed' ? ', elapsed time' : ''}`, medianOfPairs(round, name, (other, plugin) => other[time] / plugin[time]))
    }
  }
  if (request.concurrency === 1) return
  for (const name of ['plugin', ...others]) add(rows, `${title}: statements per request, ${name}`, median(round.get(name)!.map(({ statements }) => statements)))
}

function add (rows: Rows, title: string, value: number): void {
  rows.set(title, [...rows.get(title) ?? [], value])
}

/** Returns a table in Markdown with a column for each version of Node.js: the median of the rounds, and their range. */
export function table (columns: Map<string, Rows>): string {
  const titles = [...columns.values()][0]!.keys()
  const cells = [
    ['', ...[...columns.keys()].map((version) => `Node.js ${version}`)],
    ...[...titles].map((title) => [title, ...[...columns.values()].map((rows) => cell(rows.get(title)!))])
  ]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const [head, ...body] = cells.map((row) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`)
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n')
}

function cell (values: number[]): string {
  const { middle, lowest, highest } = spread(values)
  return `${middle.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`
}
