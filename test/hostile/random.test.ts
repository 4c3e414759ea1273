import { randomBytes } from 'node:crypto'
import t from 'tap'
import { runRandomly } from './random-run.ts'

t.setTimeout(170_000)

t.test('random hooks, resolvers, stores and clients, over HTTP/1.1 and HTTP/2 -> at most one response each, no secret, and the process goes on', async (t) => {
  const seed = randomBytes(6).toString('hex')
  t.comment(`seed ${seed}: npm run test:hostile -- --requests=400 --seed=${seed}`)
  const { statuses, violations } = await runRandomly(seed, 400)
  t.strictSame(violations, [], `seed ${seed}`)
  for (const status of [200, 401, 500]) t.ok(statuses[status]! > 0, `there are responses with ${status}`)
})
