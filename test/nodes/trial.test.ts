import t, { type Test } from 'tap'
import { runTrial } from './trial.ts'

// Each case starts a database and two nodes.
t.setTimeout(180_000)

/** Which promises two nodes break under load without faults. */
async function broken (t: Test, brokenStore?: string): Promise<string[]> {
  const enough = { minutes: 0, generates: 30, verifications: 200 }
  const { violations } = await runTrial({ ...enough, seed: '1', size: 2, faults: [], logFolder: t.testdir(), brokenStore, report: t.comment })
  return violations.map((violation) => violation.replace(/:.*/, ''))
}

t.test('two nodes over one database keep their promises', async (t) => {
  t.strictSame(await broken(t), [])
})

t.test('a verifier that caches the token is caught', async (t) => {
  t.ok((await broken(t, 'cached-find')).includes('dead at once'))
})

t.test('a store that reads and then writes is caught', async (t) => {
  t.ok((await broken(t, 'read-then-write')).includes('a change is whole'))
})
