import t from 'tap'
import { admin, generate, startHost, uuid } from './helpers/host.ts'

t.test('an admin is let in', async (t) => {
  const { app } = await startHost(t)
  t.equal((await generate(app, admin)).statusCode, 200)
})

t.test('nobody is told to log in, and where', async (t) => {
  const { app, replaced } = await startHost(t, { options: { loginPath: '/login' } })
  for (const [headers, message] of [
    [{}, /had no authorization header and no cookie.*\/login/],
    [{ authorization: 'bogus' }, /not accepted.*\/login/],
    [{ cookie: 'session=bogus' }, /not accepted.*\/login/]
  ] as const) {
    const response = await generate(app, headers)
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], 'Bearer')
    t.matchOnly(response.json(), { id: uuid, name: 'AuthenticationRequired', message })
  }
  t.same(replaced, [])
})
