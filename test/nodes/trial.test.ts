import t, { type Test } from 'tap'
import { runTrial } from './trial.ts'

// Each case starts a database and two nodes.
t.setTimeout(180_000)

/** The rules that two nodes violate under load without faults. */
async function violatedRules (t: Test, brokenStore?: string): Promise<string[]> {
  const enough = { minutes: 0, generates: 30, toggles: 5, verifications: 200 }
  const { violations } = await runTrial({ ...enough, seed: '1', size: 2, faults: [], logFolder: t.testdir(), brokenStore, report: t.comment })
  return violations.map((violation) => violation.replace(/:.*/, ''))
}

t.test('two nodes over one database -> every guarantee is kept', async (t) => {
  t.strictSame(await violatedRules(t), [])
})

t.test('a store that caches the token in each node -> the trial fails', async (t) => {
  t.ok((await violatedRules(t, 'cached-find')).includes('invalid at once'))
})

t.test('a store that reads and then writes -> the trial fails', async (t) => {
  t.ok((await violatedRules(t, 'read-then-write')).includes('atomic writes'))
})
