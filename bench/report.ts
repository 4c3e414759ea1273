import { stepsOf, type Primitives } from './primitives.ts'
import type { RequestProfile } from './profile.ts'
import { meetsGoal, type Compared, type GroupResult, type Results } from './results.ts'
import type { Sizes } from './size.ts'
import { importGoal, type Startup } from './startup.ts'
import type { Spread } from './statistics.ts'

/** Writes the results as Markdown. */
export function report (results: Results): string {
  const { machine, command, withPromises, withoutPromises, postgres, overSockets, primitives, profiles, startup, sizes } = results
  return [
    `\`${command}\` on:`,
    table(['', ''], Object.entries(machine)),
    'CPU time of one request without sockets, resolver and store return promises:',
    table(['', 'result', 'goal', ''], [...comparedRows([...withPromises, ...postgres]), importRow(startup)]),
    ...section('The same with a resolver and a store that return plain values:', withoutPromises, withoutGoals),
    ...section('The same over sockets, 32 connections:', overSockets, withoutGoals),
    'Each on its own, in µs:',
    table(['', 'CPU time', 'elapsed'], [
      ...entryRows(withPromises), ...entryRows(withoutPromises, ', plain values'), ...entryRows(postgres), ...entryRows(overSockets, ', over sockets')
    ]),
    'The steps that no implementation can do without, in µs of CPU time, and how many of them a request needs:',
    primitivesTable(primitives),
    ...section('Where the CPU time of one request to the plugin goes, in µs, profiler included:', profiles, (all) => profileTable(all, 'microseconds', 2)),
    ...section('What it allocates, in bytes:', profiles, (all) => profileTable(all, 'allocatedBytes', 0)),
    'What the plugin adds to the start of an empty Fastify app, and to its folder:',
    table(['', ''], [...startupRows(startup), ...sizeRows(sizes)])
  ].join('\n\n') + '\n'
}

function section<T> (title: string, items: T[], show: (items: T[]) => string): string[] {
  return items.length === 0 ? [] : [title, show(items)]
}

function withoutGoals (groups: GroupResult[]): string {
  return table(['', 'result'], comparedRows(groups))
}

function comparedRows (groups: GroupResult[]): string[][] {
  return groups.flatMap(({ title, comparisons }) => comparisons.map((compared) => comparedRow(title, compared)))
}

function comparedRow (title: string, compared: Compared): string[] {
  const { to, as, goal, result } = compared
  const ratio = as === 'ratio'
  return [
    ratio ? `${title}: ${to} / plugin` : `${title}: plugin over ${to}`,
    range(result) + (ratio ? '' : ' µs'),
    ...(goal === undefined ? ['', ''] : [ratio ? `at least ${goal}` : `at most ${goal} µs`, verdict(meetsGoal(compared))])
  ]
}

function importRow ({ importRatio }: Startup): string[] {
  return ['importing the plugin / importing Fastify', range(importRatio), `at most ${importGoal}`, verdict(importRatio.middle <= importGoal)]
}

function entryRows (groups: GroupResult[], suffix = ''): string[][] {
  return groups.flatMap(({ title, entries }) => entries.map(({ name, cpuMicroseconds, elapsedMicroseconds }) => [
    `${title}: ${name}${suffix}`, range(cpuMicroseconds), range(elapsedMicroseconds)
  ]))
}

function primitivesTable (primitives: Primitives): string {
  const sum = (steps: Record<string, number>) =>
    Object.entries(steps).reduce((total, [name, times]) => total + times * primitives[name]!.middle, 0).toFixed(2)
  return table(['', 'µs', 'verify', 'generate'], [
    ...Object.entries(primitives).map(([name, time]) => [
      name, range(time), String(stepsOf.verify[name] ?? ''), String(stepsOf.generate[name] ?? '')
    ]),
    ['sum', '', sum(stepsOf.verify), sum(stepsOf.generate)]
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
    ['importing Fastify, CPU time', `${range(startup.importFastify)} ms`],
    ['importing the plugin after it', `${range(startup.importPlugin)} ms`],
    ['registering the plugin', `${range(startup.ready)} ms`],
    ['heap', `${Math.round(startup.heapKilobytes.middle)} KiB`],
    ['resident memory', `${Math.round(startup.rssKilobytes.middle)} KiB`]
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

function range ({ middle, lowest, highest }: Spread): string {
  return `${middle.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`
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
