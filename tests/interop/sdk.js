// What a customer does with Plivo's Node SDK: a brand, a campaign, three numbers linked and one unlinked, and a
// campaign taken over from elsewhere.
//
// sdk.js BASE_URL AUTH_ID TOKEN CALLBACK_URL      prints what the SDK saw as one JSON document
"use strict";

const plivo = require("plivo");

const IMPORTED = "CNTQ0OD";
const NUMBERS = ["14155550101", "14155550102", "14155550103"];
const PATIENCE = 60000;

async function main(baseUrl, authId, token, callbackUrl) {
  const url = `${baseUrl}/v1/Account/${authId}`;
  const client = new plivo.Client(authId, token, { url });
  const told = (method) => ({ url: callbackUrl, method });
  const seen = {};

  const profile = "201faedc-7df9-4840-9ab1-3997ce3f7cf4";
  const created = await client.brand.create("acme", profile, "STANDARD", true, told("POST"));
  // The SDK names this one as the API does, and all others in camel case.
  const brandId = created.brand_id;
  const brand = await wait(async () => (await client.brand.get(brandId)).brand, "registrationStatus", "COMPLETED");
  Object.assign(seen, { brand_id: brandId, company: brand.companyName, score: brand.vettingScore });
  seen.brands = (await client.brand.list({ limit: 5 })).brands.map((one) => one.brandId);
  seen.usecases = (await client.brand.get_usecases(brandId)).useCases.map((one) => one.code);

  const submitted = await client.campaign.create(
    brandId, "care", "INSURANCE", "MIXED", ["CUSTOMER_CARE", "2FA"],
    "Answers to customers who asked us something, and their codes",
    false, false, false, false, true, true, true, false,
    "Your request has been taken: we will call you", "Your code is 123456", "", "", "",
    "They ask us first", "Call 12125550100 for help", "You will hear no more from us",
    "https://example.com/terms", "https://example.com/privacy", told("POST"),
  );
  const id = submitted.campaignId;
  const campaign = await wait(async () => (await client.campaign.get(id)).campaign, "registrationStatus", "ACTIVE");
  Object.assign(seen, { campaign_id: id, sub_usecase: campaign.subUsecase, sample: campaign.sample2 });
  const listed = await client.campaign.list({ brand_id: brandId, registration_status: "ACTIVE" });
  seen.campaigns = listed.campaigns.map((one) => one.campaignId);

  await client.campaign.linkNumber(id, NUMBERS, told("GET"));
  for (const number of NUMBERS) {
    await wait(async () => (await client.campaign.getNumber(id, number)).phoneNumbers[0], "status", "COMPLETED");
  }
  await client.campaign.unlinkNumber(id, NUMBERS[0], told("POST"));
  seen.unlinked = await untilGone(() => client.campaign.getNumber(id, NUMBERS[0]));
  seen.numbers = (await client.campaign.listNumber(id, { limit: 20, offset: 0 })).phoneNumbers;

  const taken = await client.campaign.import_campaign(IMPORTED, "taken over", told("GET"));
  const imported = await wait(async () => (await client.campaign.get(IMPORTED)).campaign, "registrationStatus", "ACTIVE");
  seen.imported = { id: taken.campaignId, message: taken.message, source: imported.campaignSource };
  seen.shared = (await client.campaign.list({ campaign_source: "shared" })).campaigns.map((one) => one.campaignId);

  seen.shown = {
    brand: [
      (await client.brand.list({ limit: 5 })).brands[0].registrationStatus,
      (await client.brand.get(brandId)).brand.registrationStatus,
    ],
    campaign: [
      (await client.campaign.list({ limit: 5 })).campaigns[0].registrationStatus,
      (await client.campaign.get(id)).campaign.registrationStatus,
    ],
  };

  seen.imported_twice = await refusal(() => client.campaign.import_campaign(IMPORTED, "again", told("POST")));
  seen.refused = await refusal(() => client.campaign.linkNumber(id, ["1"], {}));
  const stranger = new plivo.Client(authId, "wrong", { url });
  seen.stranger = await refusal(() => stranger.brand.list());
  console.log(JSON.stringify(seen));
}

const pause = () => new Promise((done) => setTimeout(done, 50));

async function wait(look, field, wanted) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found[field] === wanted) return found;
    if (Date.now() > deadline) throw new Error(`${field} is still ${found[field]}, not ${wanted}`);
    await pause();
  }
}

async function untilGone(look) {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    try {
      await look();
    } catch (error) {
      return String(error);
    }
    await pause();
  }
  throw new Error("the number is still there");
}

async function refusal(call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    return String(error);
  }
  throw new Error(`not refused: ${JSON.stringify(answer)}`);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
