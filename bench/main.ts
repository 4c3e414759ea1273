import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/helpers/postgres.ts'
import { byTenants, goalsOnly, inMemory, onPostgres, profiled, type Group } from './comparisons.ts'
import { leaveServerCores } from './cores.ts'
import { describeMachine } from './machine.ts'
import { profileRequest } from './profile.ts'
import { report } from './report.ts'
import { compare, type GroupResult, type Results } from './results.ts'
import { measure } from './rounds.ts'
import { measureSizes } from './size.ts'
import { measureStartup } from './startup.ts'

const { values: { quick, rounds } } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' }
  }
})
const file = (name: string) => new URL(name, import.meta.url)

installPeers()
leaveServerCores()
const results = await run(quick ? 1 : Number(rounds))
const text = report(results)
progress('')
console.log(text)
writeFileSync(file('results.json'), JSON.stringify(results, null, 2) + '\n')
if (!quick) writeFileSync(file('README.md'), withResults(readFileSync(file('README.md'), 'utf8'), text))

async function run (rounds: number): Promise<Results> {
  const measured: GroupResult[] = []
  const measureAll = async (groups: Group[]) => {
    for (const group of quick ? groups.map(goalsOnly) : groups) measured.push(compare(group, await measure(group, rounds, progress)))
  }

  await measureAll(inMemory)
  const postgres = await startPostgres()
  try {
    await measureAll((quick ? [32] : [1, 8, 32, 128]).map((connections) => onPostgres(postgres.url, connections)))
    await measureAll([byTenants(postgres.url)])
  } finally {
    await postgres.stop()
  }

  const profiles = []
  for (const entry of quick ? [] : profiled) {
    progress(`profiling ${entry.name}`)
    profiles.push(await profileRequest(entry))
  }
  return {
    machine: describeMachine(),
    command: `npm run bench${quick ? ' -- --quick' : rounds === 9 ? '' : ` -- --rounds ${rounds}`}`,
    groups: measured,
    profiles,
    startup: await measureStartup(2 * rounds, progress),
    sizes: await measureSizes()
  }
}

/** The contestants from elsewhere have a lockfile of their own, so that nobody else installs them. */
function installPeers (): void {
  if (!existsSync(file('peers/node_modules'))) execFileSync('npm', ['ci'], { cwd: file('peers'), stdio: 'inherit' })
}

function progress (text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

function withResults (readme: string, text: string): string {
  return readme.replace(/(<!-- results -->\n)[^]*?(<!-- end of results -->)/, (_all, start, end) => `${start}\n${text}\n${end}`)
}
