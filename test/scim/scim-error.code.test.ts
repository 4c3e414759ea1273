import t from 'tap'
import { ScimError } from '../../lib/index.ts'
import { generateToken } from '../../lib/token.ts'
import { addScimRoutes, startScimHost } from '../helpers/scim-host.ts'

t.test('a SCIM request is rejected -> the error has a name and a code, and neither is sent', async (t) => {
  const seen: unknown[] = []
  const { send } = await startScimHost(t, {
    find: () => { throw new Error('connection refused') },
    async routes (app) {
      app.addHook('onError', async (_request, _reply, { name, code }) => { seen.push([name, code]) })
      await addScimRoutes(app)
    }
  })
  const responses = [await send(), await send('Basic eDp5'), await send('Bearer wrong'), await send(`Bearer ${generateToken()}`)]
  t.strictSame(seen, [
    ['ScimError', 'SCIM_TOKEN_MISSING'],
    ['ScimError', 'SCIM_TOKEN_MISSING'],
    ['ScimError', 'SCIM_TOKEN_INVALID'],
    ['ScimError', 'SCIM_STORE_FAILED']
  ])
  t.notMatch(responses.map(({ body }) => body).join(), /ScimError|SCIM_/)
})

t.test('a host makes a ScimError of an error of its own -> it keeps its code', async (t) => {
  t.equal(new ScimError(Object.assign(new Error('Not now.'), { statusCode: 409, code: 'HOST' })).code, 'HOST')
  t.equal(new ScimError({ statusCode: 409, message: 'Not now.' }).code, 'SCIM_ERROR')
  t.notOk(new ScimError({ statusCode: 409, message: 'Not now.' }) instanceof Error)
})
