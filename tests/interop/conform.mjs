// The official TypeScript SDK against a Sui node. Prints one JSON object of what it saw.
// Usage: node conform.mjs HOST:PORT PACKAGE MARKET POOL SUIPRIVKEY RECIPIENT SEATS
import { ChannelCredentials } from '@grpc/grpc-js';
import { bcs } from '@mysten/sui/bcs';
import { SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Inputs, Transaction } from '@mysten/sui/transactions';
import { fromHex } from '@mysten/sui/utils';
import { GrpcTransport } from '@protobuf-ts/grpc-transport';

const [host, pkg, market, pool, key, recipient, registrations] = process.argv.slice(2);
const { payment, seats } = JSON.parse(registrations);
const transport = new GrpcTransport({ host, channelCredentials: ChannelCredentials.createInsecure() });
const client = new SuiGrpcClient({ network: 'devnet', transport });
const keypair = Ed25519Keypair.fromSecretKey(key);
const me = keypair.toSuiAddress();
const seen = { address: me };

seen.chain = (await client.getChainIdentifier()).chainIdentifier;
seen.gasPrice = (await client.getReferenceGasPrice()).referenceGasPrice;

const object = (await client.getObject({ objectId: market, include: { content: true, json: true } })).object;
seen.object = { type: object.type, owner: object.owner.$kind, json: object.json, bytes: object.content.length };
seen.balance = (await client.getBalance({ owner: me })).balance.balance;
seen.coins = (await client.listCoins({ owner: me })).objects.map((coin) => coin.balance);
try {
  await client.getObject({ objectId: '0x123' });
} catch (error) {
  seen.missing = error.constructor.name;
}
const described = (await client.getMoveFunction({ packageId: pkg, moduleName: 'node', name: 'register_seat' })).function;
seen.function = { visibility: described.visibility, parameters: described.parameters.length };

// A transfer and a contract call, resolved, paid, signed and executed by the SDK.
const include = { effects: true, events: true, balanceChanges: true, objectTypes: true, transaction: true };
const byId = { market, pool, clock: '0x6' };
function register(tx, coin, slot, objects = byId) {
  const keys = seats[slot].map((part) => tx.pure.vector('u8', fromHex(part)));
  return tx.moveCall({
    target: `${pkg}::node::register_seat`,
    arguments: [
      tx.object(objects.market), tx.object(objects.pool), coin, tx.pure.u64(slot), ...keys,
      tx.pure.u64(1_000), tx.pure.u64(1_000_000_000), tx.pure.u64(1n << 40n), tx.pure.u64(1n << 50n), tx.object(objects.clock),
    ],
  });
}
const tx = new Transaction();
const [stake, gift] = tx.splitCoins(tx.gas, [payment, 1_234_567]);
tx.transferObjects([register(tx, stake, 0)], me);
tx.transferObjects([gift], recipient);
const executed = (await client.signAndExecuteTransaction({ transaction: tx, signer: keypair, include })).Transaction;
const parsed = bcs.TransactionEffects.parse(executed.effects.bcs);
seen.executed = {
  digest: executed.digest,
  success: executed.effects.status.success,
  operations: executed.effects.changedObjects.map((change) => change.idOperation).sort(),
  effectsVersion: parsed.$kind,
  effectsDigestMatches: parsed.V2.transactionDigest === executed.digest,
  effectsChanges: parsed.V2.changedObjects.length,
  effectsGas: parsed.V2.gasUsed,
  unchanged: parsed.V2.unchangedConsensusObjects?.length ?? parsed.V2.unchangedSharedObjects?.length,
  events: executed.events.map((event) => ({ type: event.eventType, json: event.json, bytes: event.bcs.length })),
  balances: Object.fromEntries(executed.balanceChanges.map((change) => [change.address, change.amount])),
  types: Object.values(executed.objectTypes).map((type) => type.split('::').slice(1).join('::')).sort(),
  commands: executed.transaction.commands.map((command) => command.$kind),
};
seen.received = (await client.getBalance({ owner: recipient })).balance.balance;
seen.again = (await client.getTransaction({ digest: executed.digest })).Transaction.digest === executed.digest;
seen.waited = (await client.waitForTransaction({ digest: executed.digest })).$kind;
const owned = await client.listOwnedObjects({ owner: me, type: `${pkg}::node::VerifierCap` });
seen.caps = owned.objects.length;

const listed = await client.listEvents({ filter: { eventType: `${pkg}::events::SeatRegistered` } });
seen.listed = (listed.events ?? listed.data ?? listed.objects ?? []).length;

// An abort: the simulation that chooses the gas meets it.
const bad = new Transaction();
const [nothing] = bad.splitCoins(bad.gas, [1]);
bad.transferObjects([register(bad, nothing, 1)], me);
try {
  await client.signAndExecuteTransaction({ transaction: bad, signer: keypair });
} catch (error) {
  seen.abort = { name: error.constructor.name, message: error.message };
}
// The same abort on the ledger: with everything given there is no simulation.
const paid = new Transaction();
const [little] = paid.splitCoins(paid.gas, [1]);
const shared = (objectId, mutable) => Inputs.SharedObjectRef({ objectId, mutable, initialSharedVersion: 1 });
const given = { market: shared(market, false), pool: shared(pool, true), clock: shared('0x6', false) };
paid.transferObjects([register(paid, little, 1, given)], me);
paid.setExpiration({ None: true });
paid.setGasBudget(50_000_000);
const coin = (await client.listCoins({ owner: me })).objects.find((found) => BigInt(found.balance) > 60_000_000n);
paid.setGasPayment([{ objectId: coin.objectId, version: coin.version, digest: coin.digest }]);
paid.setGasPrice(1000);
const failed = await client.signAndExecuteTransaction({ transaction: paid, signer: keypair, include: { effects: true } });
const status = bcs.TransactionEffects.parse((failed.FailedTransaction ?? failed.Transaction).effects.bcs).V2.status;
seen.failed = { kind: failed.$kind, status };

// A subscription sees what is executed after it began.
const abort = new AbortController();
const subscription = client.subscriptionService.subscribeEvents(
  { readMask: { paths: ['event_type', 'checkpoint'] } }, { abort: abort.signal });
seen.subscribed = [];
try {
  for await (const frame of subscription.responses) {
    if (frame.event) {
      seen.subscribed.push(frame.event.eventType);
      abort.abort();
    } else if (!seen.started) {
      seen.started = true;
      const later = new Transaction();
      const [more] = later.splitCoins(later.gas, [payment]);
      later.transferObjects([register(later, more, 1)], me);
      client.signAndExecuteTransaction({ transaction: later, signer: keypair });
    }
  }
} catch (error) {
  seen.ended = error.code;
}
console.log(JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
process.exit(0);
