/** What no caller may read. */
export const internals = 'connect to db.internal as scim_owner'

/** The ways in which a method of the host may fail, and what the log must say of each. */
export const failures: { how: string, call: () => any, logged: string | RegExp }[] = [
  { how: 'throws an Error', call: throws(new Error(internals)), logged: internals },
  { how: 'throws an Error that asks for another status', call: throws(refusal()), logged: internals },
  { how: 'throws a string', call: throws(internals), logged: internals },
  { how: 'throws an object', call: throws({ code: 'ECONNREFUSED', message: internals }), logged: internals },
  { how: 'throws undefined', call: throws(undefined), logged: /: undefined$/ },
  { how: 'throws null', call: throws(null), logged: /: null$/ },
  { how: 'rejects with an Error', call: async () => { throw new Error(internals) }, logged: internals },
  { how: 'rejects with an Error that asks for another status', call: async () => { throw refusal() }, logged: internals },
  { how: 'rejects with undefined', call: async () => throws(undefined)(), logged: /: undefined$/ }
]

function throws (thrown: unknown) {
  return () => { throw thrown }
}

function refusal () {
  return Object.assign(new Error(internals), { statusCode: 404, headers: { 'x-internals': internals }, details: [{ message: internals }] })
}
