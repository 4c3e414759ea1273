import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignal } from './exit-on-signal.ts'
import { faults } from './faults.ts'
import { hasPgbouncer } from './pgbouncer.ts'
import { runTrial } from './trial.ts'

// Runs nodes over one database under load and faults. Exits with 1 if a guarantee was violated.

exitOnSignal()

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    minutes: { type: 'string' },
    nodes: { type: 'string', default: '4' },
    short: { type: 'boolean', default: false },
    broken: { type: 'string' }
  }
})

const enough = values.short
  ? { minutes: 0.5, generates: 200, toggles: 50, verifications: 2000 }
  : { minutes: 4, generates: 2000, toggles: 500, verifications: 20_000 }

const started = performance.now()
console.log(`seed ${values.seed}, ${values.nodes} nodes; to repeat it: npm run test:nodes -- --seed ${values.seed}${values.short ? ' --short' : ''}`)
if (!hasPgbouncer) console.log('pgbouncer is not installed, so nothing is held back in its queue')

const logFolder = await mkdtemp(join(tmpdir(), 'scim-token-nodes-'))
const { counts, violations } = await runTrial({
  ...enough,
  ...(values.minutes !== undefined && { minutes: Number(values.minutes) }),
  seed: values.seed,
  size: Number(values.nodes),
  faults: Object.keys(faults),
  logFolder,
  brokenStore: values.broken,
  report: console.log
})

for (const [name, number] of Object.entries(counts)) console.log(`${String(number).padStart(6)} ${name}`)
for (const violation of violations.slice(0, 20)) console.log(`VIOLATION ${violation}`)
console.log(`${violations.length} violations in ${((performance.now() - started) / 1000).toFixed(0)} s`)
if (violations.length > 0) {
  console.log(`the logs are in ${logFolder}`)
  process.exitCode = 1
} else {
  await rm(logFolder, { recursive: true })
}
