import type { Compared, GroupResult, Results } from './results.ts'
import type { RequestProfile } from './profile.ts'
import type { Sizes } from './size.ts'
import type { Startup } from './startup.ts'
import type { Spread } from './statistics.ts'

/** The results as Markdown. */
export function report ({ machine, command, groups, profiles, startup, sizes }: Results): string {
  return [
    `\`${command}\` on:`,
    table(['', ''], Object.entries(machine)),
    'Requests answered in a second, as ratios: the median of the rounds and their range. The same by the CPU time of the two servers is what a busy machine disturbs least.',
    table(
      ['', 'ratio', 'by CPU time', 'goal', ''],
      [...groups.flatMap(({ title, comparisons }) => comparisons.map((compared) => comparedRow(title, compared))), startupRow(startup)]
    ),
    'Each on its own, medians:',
    table(['', 'requests a second', 'CPU µs a request'], groups.flatMap(entryRows)),
    ...(profiles.length > 0
      ? [
          'Where the CPU time of one request to the plugin goes, in µs:', profileTable(profiles, 'microseconds', 1),
          'And what it allocates, in bytes:', profileTable(profiles, 'allocatedBytes', 0)
        ]
      : []),
    'What the plugin adds to the start of an empty Fastify app, and to its folder:',
    table(['', ''], [...startupRows(startup), ...sizeRows(sizes)])
  ].join('\n\n') + '\n'
}

function comparedRow (title: string, { of, to, ratio, cpuRatio, atLeast }: Compared): string[] {
  return [
    `${title}: ${of} / ${to}`,
    range(ratio),
    range(cpuRatio),
    ...(atLeast === undefined ? ['', ''] : [`at least ${atLeast}`, verdict(ratio.median >= atLeast)])
  ]
}

function startupRow ({ readyMilliseconds }: Startup): string[] {
  return ['registering the plugin', `${range(readyMilliseconds)} ms`, '', 'under 5 ms', verdict(readyMilliseconds.median < 5)]
}

function entryRows ({ title, entries }: GroupResult): string[][] {
  return entries.map(({ name, perSecond, cpuMicroseconds }) => [
    `${title}: ${name}`, Math.round(perSecond.median).toLocaleString('en'), cpuMicroseconds.median.toFixed(1)
  ])
}

function profileTable (profiles: RequestProfile[], what: 'microseconds' | 'allocatedBytes', digits: number): string {
  const sum = (amounts: Record<string, number>) => Object.values(amounts).reduce((a, b) => a + b, 0)
  const owners = Object.keys(profiles[0]![what]) as (keyof RequestProfile[typeof what])[]
  return table(
    ['', ...owners, 'sum'],
    profiles.map((profile) => [
      profile.name, ...owners.map((owner) => profile[what][owner].toFixed(digits)), sum(profile[what]).toFixed(digits)
    ])
  )
}

function startupRows (startup: Startup): string[][] {
  return [
    ['loading its modules and their dependencies', `${range(startup.importMilliseconds)} ms`],
    ['registering it', `${range(startup.readyMilliseconds)} ms`],
    ['heap', `${Math.round(startup.heapKilobytes.median)} KiB`],
    ['resident memory', `${Math.round(startup.rssKilobytes.median)} KiB`]
  ]
}

function sizeRows ({ package: own, dependencies }: Sizes): string[][] {
  const sum = dependencies.reduce((total, { bytes }) => total + bytes, 0)
  const largest = dependencies.slice(0, 3).map(({ name, bytes }) => `${name} ${kibibytes(bytes)}`)
  return [
    ['files of the package', kibibytes(own)],
    [`files of its ${dependencies.length} dependencies`, `${kibibytes(sum)} (${largest.join(', ')}, ...)`]
  ]
}

function range ({ median, lowest, highest }: Spread): string {
  return `${median.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`
}

function kibibytes (bytes: number): string {
  return `${Math.round(bytes / 1024).toLocaleString('en')} KiB`
}

function verdict (met: boolean): string {
  return met ? 'met' : 'not met'
}

function table (head: string[], rows: string[][]): string {
  const cells = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) => `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
