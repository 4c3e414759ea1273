import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/helpers/postgres.ts'
import { goalsOnly, onPostgres, profiled, withoutPromises, withPromises, type Group } from './comparisons.ts'
import { leaveMeasuredCore } from './cores.ts'
import { describeMachine } from './machine.ts'
import { measure, overSockets, withoutSockets, withPostgres, type Method } from './measure.ts'
import { measurePrimitives } from './primitives.ts'
import { profileRequest } from './profile.ts'
import { showProgress } from './progress.ts'
import { report } from './report.ts'
import { summarize, type Results } from './results.ts'
import { measureSizes } from './size.ts'
import { measureStartup } from './startup.ts'

const defaultRounds = 5

const { values: { quick, rounds } } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: String(defaultRounds) }
  }
})
const file = (name: string) => new URL(name, import.meta.url)

installPeers()
leaveMeasuredCore()
const results = quick ? await runQuick() : await run(Number(rounds))
const text = report(results)
showProgress('')
console.log(text)
writeFileSync(file('results.json'), JSON.stringify(results, null, 2) + '\n')
if (!quick) writeFileSync(file('README.md'), withResults(readFileSync(file('README.md'), 'utf8'), text))

async function run (rounds: number): Promise<Results> {
  return {
    machine: describeMachine(),
    command: `npm run bench${rounds === defaultRounds ? '' : ` -- --rounds ${rounds}`}`,
    withPromises: await compare(withPromises, withoutSockets, rounds),
    withoutPromises: await compare(withoutPromises, withoutSockets, Math.ceil(rounds / 2)),
    postgres: await comparePostgres([false, true], rounds),
    overSockets: await compare(withPromises.map(goalsOnly), overSockets, 2),
    primitives: await measurePrimitives(),
    profiles: await profileAll(),
    startup: await measureStartup(3 * rounds, showProgress),
    sizes: await measureSizes()
  }
}

/** One round of the comparisons that have a goal, without prepared statements. */
async function runQuick (): Promise<Results> {
  return {
    machine: describeMachine(),
    command: 'npm run bench -- --quick',
    withPromises: await compare(withPromises.map(goalsOnly), withoutSockets, 1),
    withoutPromises: [],
    postgres: await comparePostgres([false], 1),
    overSockets: [],
    primitives: await measurePrimitives(),
    profiles: [],
    startup: await measureStartup(3, showProgress),
    sizes: await measureSizes()
  }
}

async function compare (groups: Group[], method: Method, rounds: number) {
  return summarize(await measure(groups, method, rounds, showProgress))
}

async function comparePostgres (preparedStatements: boolean[], rounds: number) {
  const postgres = await startPostgres()
  try {
    return await compare(onPostgres(postgres.url, preparedStatements), withPostgres, rounds)
  } finally {
    await postgres.stop()
  }
}

async function profileAll () {
  const profiles = []
  for (const entry of profiled) {
    showProgress(`profile: ${entry.name}`)
    profiles.push(await profileRequest(entry))
  }
  return profiles
}

/** The contestants from elsewhere have a lockfile of their own: only this benchmark installs them. */
function installPeers (): void {
  if (!existsSync(file('peers/node_modules'))) execFileSync('npm', ['ci'], { cwd: file('peers'), stdio: 'inherit' })
}

function withResults (readme: string, text: string): string {
  return readme.replace(/(<!-- results -->\n)[^]*?(<!-- end of results -->)/, (_all, start, end) => `${start}\n${text}\n${end}`)
}
