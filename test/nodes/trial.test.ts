import t from 'tap'
import { runTrial } from './trial.ts'

// Each case starts a database and two nodes.
t.setTimeout(180_000)

/** Which promises two nodes break under load without faults. */
async function broken (brokenStore?: string): Promise<string[]> {
  const { violations } = await runTrial({ seed: '1', size: 2, minutes: 0, generates: 30, verifications: 200, faults: [], brokenStore, report: t.comment })
  return violations.map((violation) => violation.replace(/:.*/, ''))
}

t.test('two nodes over one database keep their promises', async (t) => {
  t.strictSame(await broken(), [])
})

t.test('a verifier that caches the token is caught', async (t) => {
  t.ok((await broken('cached-find')).includes('dead at once'))
})

t.test('a store that reads and then writes is caught', async (t) => {
  t.ok((await broken('read-then-write')).includes('a change is whole'))
})
