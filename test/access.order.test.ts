import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import { generate, startHost } from './helpers/host.ts'

t.test('failed attempts over the rate limit of the route -> 429', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app.register(rateLimit, { global: false }),
    options: { routeConfig: { generateNewToken: { rateLimit: { max: 2 } } } }
  })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await generate(app, { authorization: 'bogus' })).statusCode)
  t.strictSame(statuses, [401, 401, 429, 429])
})
