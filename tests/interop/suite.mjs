// The official TypeScript SDK against a network that seals checkpoints later than it executes.
// Prints one JSON object of what it saw.
// Usage: node suite.mjs HOST:PORT PACKAGE MARKET POOL SUIPRIVKEY RECIPIENT ADMIN_URL TABLE SEATS
import { ChannelCredentials } from '@grpc/grpc-js';
import { bcs } from '@mysten/sui/bcs';
import { SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { coinWithBalance, SerialTransactionExecutor, Transaction } from '@mysten/sui/transactions';
import { deriveDynamicFieldID, fromHex } from '@mysten/sui/utils';
import { GrpcTransport } from '@protobuf-ts/grpc-transport';

const [host, pkg, market, pool, key, recipient, admin, table, registrations] = process.argv.slice(2);
const { payment, seats } = JSON.parse(registrations);
const connect = (to) =>
  new SuiGrpcClient({
    network: 'devnet',
    transport: new GrpcTransport({ host: to, channelCredentials: ChannelCredentials.createInsecure() }),
  });
const client = connect(host);
const keypair = Ed25519Keypair.fromSecretKey(key);
const me = keypair.toSuiAddress();
const seen = {};
const caught = async (action) => {
  try {
    await action();
  } catch (error) {
    return { name: error.constructor.name, code: error.code ?? error.reason, message: error.message, trailers: Object.keys(error.meta ?? {}) };
  }
  return null;
};
const post = async (path, body) =>
  (await fetch(admin + path, { method: 'POST', body: JSON.stringify(body) })).json();

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Whoever runs this program ends it if it waits for ever.
const waitFor = (digest) => client.waitForTransaction({ digest, timeout: 3_600_000, pollSchedule: [50, 100, 200] });

// --- objects ---
const many = await client.getObjects({ objectIds: [market, '0x123', '0x6'], include: { content: true } });
seen.objects = many.objects.map((item) => (item instanceof Error ? item.constructor.name : item.type.split('::').slice(1).join('::')));
const short = await client.getObject({ objectId: '0x6' });
seen.clock = short.object.objectId;
seen.invalid = await caught(() => client.getBalance({ owner: 'moon' }));
seen.ledgerInvalid = await caught(() => client.ledgerService.getObject({ objectId: 'moon' }));
seen.badMask = await caught(() => client.ledgerService.getObject({ objectId: market, readMask: { paths: ['colour'] } }));

// --- coins, in pages ---
seen.pages = [];
let cursor = null;
do {
  const page = await client.listCoins({ owner: me, limit: 3, cursor });
  seen.pages.push(page.objects.length);
  cursor = page.hasNextPage ? page.cursor : null;
} while (cursor);
seen.balances = (await client.listBalances({ owner: me })).balances;
seen.metadata = (await client.getCoinMetadata({ coinType: '0x2::sui::SUI' })).coinMetadata;
seen.noMetadata = (await client.getCoinMetadata({ coinType: '0x2::nothing::NOTHING' })).coinMetadata;

// --- dynamic fields, in pages; then one of them by its name ---
const none = await client.listDynamicFields({ parentId: pool });
seen.noFields = { count: none.dynamicFields.length, more: none.hasNextPage };
seen.fieldPages = [];
seen.fields = {};
for (let more = true, at = null; more; ) {
  const page = await client.listDynamicFields({ parentId: table, limit: 6, cursor: at, include: { value: true } });
  seen.fieldPages.push(page.dynamicFields.length);
  for (const { $kind, fieldId, name, value, valueType } of page.dynamicFields) {
    const number = bcs.u64().parse(name.bcs);
    const derived = deriveDynamicFieldID(table, name.type, name.bcs) === fieldId;
    seen.fields[number] = [$kind, name.type, valueType, value.type, bcs.Address.parse(value.bcs), derived];
  }
  more = page.hasNextPage;
  at = page.cursor;
}
const third = { type: 'u64', bcs: bcs.u64().serialize(2).toBytes() };
const { dynamicField } = await client.core.getDynamicField({ parentId: table, name: third });
seen.third = [dynamicField.value.type, bcs.Address.parse(dynamicField.value.bcs)];
const absent = { type: 'u64', bcs: bcs.u64().serialize(99).toBytes() };
seen.noField = await caught(() => client.core.getDynamicField({ parentId: table, name: absent }));

// --- simulate ---
let slot = 0; // the next one that is free
function register(tx) {
  const [coin] = tx.splitCoins(tx.gas, [payment]);
  const keys = seats[slot].map((part) => tx.pure.vector('u8', fromHex(part)));
  return tx.moveCall({
    target: `${pkg}::node::register_seat`,
    arguments: [
      tx.object(market), tx.object(pool), coin, tx.pure.u64(slot), ...keys,
      tx.pure.u64(1_000), tx.pure.u64(1_000_000_000), tx.pure.u64(1n << 40n), tx.pure.u64(1n << 50n), tx.object('0x6'),
    ],
  });
}
const trial = new Transaction();
trial.setSender(me);
trial.transferObjects([register(trial)], me);
const simulated = await client.simulateTransaction({
  transaction: trial,
  include: { effects: true, events: true, balanceChanges: true, commandResults: true },
});
seen.simulated = {
  kind: simulated.$kind,
  success: simulated.Transaction.effects.status.success,
  events: simulated.Transaction.events.length,
  results: simulated.commandResults?.map((command) => command.returnValues.length),
};
// Without checks: nothing is paid.
const peek = new Transaction();
peek.setSender(recipient);
const [one, two] = peek.splitCoins(peek.gas, [1, 2]);
peek.transferObjects([one, two], me);
const unchecked = await client.simulateTransaction({
  transaction: peek, checksEnabled: false, include: { effects: true, commandResults: true },
});
seen.unchecked = {
  success: unchecked.Transaction?.effects.status.success ?? unchecked.FailedTransaction?.effects.status,
  results: unchecked.commandResults?.map((command) => command.returnValues.length),
};
const broke = new Transaction();
broke.setSender('0x' + '5'.repeat(64));
broke.transferObjects([broke.splitCoins(broke.gas, [1])[0]], me);
seen.broke = await caught(() => broke.build({ client }));

// --- execute, then wait for the checkpoint ---
async function registerOnce() {
  const tx = new Transaction();
  tx.transferObjects([register(tx)], me);
  const done = await client.signAndExecuteTransaction({ transaction: tx, signer: keypair, include: { effects: true } });
  slot += 1;
  return done.Transaction;
}
// However long the two calls take, the node has not heard of a checkpoint between them.
await post('/endpoints', { frozen: true });
const executed = await registerOnce();
seen.early = await caught(() => client.getTransaction({ digest: executed.digest }));
await post('/endpoints', { frozen: false });
const waited = await waitFor(executed.digest);
seen.waited = waited.$kind;
seen.owned = (await client.listOwnedObjects({ owner: me, type: `${pkg}::node::VerifierCap` })).objects.length;
seen.never = await caught(() => client.getTransaction({ digest: '1'.repeat(32) }));

seen.noFunction = await caught(() => client.getMoveFunction({ packageId: pkg, moduleName: 'node', name: 'moon' }));

// --- bytes built here, signed there, sent twice; then the SDK's own queue with one coin ---
const ready = new Transaction();
ready.setSender(me);
ready.transferObjects([coinWithBalance({ balance: 777 })], recipient);
const bytes = await ready.build({ client });
const { signature } = await keypair.signTransaction(bytes);
const sent = { transaction: bytes, signatures: [signature], include: { effects: true, balanceChanges: true } };
const once = (await client.executeTransaction(sent)).Transaction;
const again = (await client.executeTransaction(sent)).Transaction;
seen.prebuilt = {
  same: once.digest === again.digest && once.digest === (await ready.getDigest({ client })),
  got: once.balanceChanges.filter((change) => change.address === recipient).map((change) => change.amount),
};
await client.waitForTransaction({ digest: once.digest, pollSchedule: [50, 100, 200] });
const queue = new SerialTransactionExecutor({ client, signer: keypair });
const queued = await Promise.all([1, 2, 3].map((n) => {
  const tx = new Transaction();
  tx.transferObjects([tx.splitCoins(tx.gas, [n])[0]], recipient);
  return queue.executeTransaction(tx);
}));
await queue.waitForLastTransaction();
seen.queued = queued.map((each) => each.$kind);

// --- events, in pages ---
for (let n = 0; n < 4; n += 1) {
  const { digest } = await registerOnce();
  await client.waitForTransaction({ digest, pollSchedule: [50, 100, 200] });
}
seen.ownedPages = [];
for (let at = null, more = true; more; ) {
  const page = await client.listOwnedObjects({ owner: me, type: `${pkg}::node::VerifierCap`, limit: 2, cursor: at });
  seen.ownedPages.push(page.objects.length);
  more = page.hasNextPage;
  at = page.cursor;
}
const filter = { eventType: `${pkg}::events::SeatRegistered` };
seen.eventPages = [];
let after = null;
for (;;) {
  const page = await client.listEvents({ filter, limit: 2, ...(after ? { after } : {}) });
  seen.eventPages.push(page.events.map((event) => [event.checkpoint !== null, event.eventIndex]));
  if (!page.hasNextPage) break;
  after = page.endCursor;
}
seen.badCursor = await caught(() => client.listEvents({ filter, limit: 2, after: 'bW9vbg==' }));

// --- subscribe ---
const abort = new AbortController();
const heard = [];
let registering;
const listening = (async () => {
  const call = client.subscriptionService.subscribeEvents({ readMask: { paths: ['event_type'] } }, { abort: abort.signal });
  try {
    let started = false;
    for await (const frame of call.responses) {
      if (!started) {
        started = true;
        registering = registerOnce();
      }
      if (frame.event) {
        heard.push(frame.event.eventType);
        abort.abort();
      }
    }
  } catch (error) {
    seen.listeningEnded = error.code;
  }
})();
await listening;
seen.heard = heard;

// --- errors of the network ---
await waitFor((await registering).digest);
const coins = (await client.listCoins({ owner: me })).objects;
const stale = new Transaction();
stale.transferObjects([stale.splitCoins(stale.gas, [1])[0]], recipient);
stale.setSender(me);
stale.setExpiration({ None: true });
stale.setGasBudget(20_000_000);
stale.setGasPrice(1_000);
const pay = coins[0];
stale.setGasPayment([{ objectId: pay.objectId, version: String(BigInt(pay.version) + 9n), digest: pay.digest }]);
seen.stale = await caught(() => client.signAndExecuteTransaction({ transaction: stale, signer: keypair }));
const cheap = new Transaction();
cheap.transferObjects([cheap.splitCoins(cheap.gas, [1])[0]], recipient);
cheap.setSender(me);
cheap.setExpiration({ None: true });
cheap.setGasBudget(20_000_000);
cheap.setGasPrice(1);
cheap.setGasPayment([pay]);
seen.cheap = await caught(() => client.signAndExecuteTransaction({ transaction: cheap, signer: keypair }));
await post('/epoch/advance', { gas_price: 1_300 });
while ((seen.price = (await client.getReferenceGasPrice()).referenceGasPrice) !== '1300') {
  await pause(100);
}
const after_epoch = await registerOnce();
seen.afterEpoch = after_epoch.effects.status.success;
await post('/endpoints', { without: ['ListEvents'] });
seen.old = await caught(() => client.listEvents({ filter }));
await post('/endpoints', { without: [] });
await post('/faults', { rules: [{ kind: 'cut', rpc: 'GetBalance', times: 1 }] });
seen.cut = await caught(() => client.getBalance({ owner: me }));
seen.recovered = (await client.getBalance({ owner: recipient })).balance.coinType;

console.log(JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
process.exit(0);
