"""What a customer does with Plivo's Python SDK: a brand, a campaign, three numbers linked and one unlinked, and a
campaign taken over from elsewhere.

sdk.py BASE_URL AUTH_ID TOKEN CALLBACK_URL      prints what the SDK saw as one JSON document
"""

import json
import sys
import time

import plivo
import plivo.rest.client

IMPORTED = "CNTQ0OD"
NUMBERS = ["14155550101", "14155550102", "14155550103"]
PATIENCE = 60


def main(base_url, auth_id, token, callback_url):
    plivo.rest.client.PLIVO_API_BASE_URI = f"{base_url}/v1/Account"
    client = plivo.RestClient(auth_id, token)
    seen = {}

    created = client.brand.create(
        brand_alias="acme",
        brand_type="STANDARD",
        profile_uuid="201faedc-7df9-4840-9ab1-3997ce3f7cf4",
        secondary_vetting=True,
        url=callback_url,
        method="POST",
    )
    brand_id = created.brand_id
    brand = wait(lambda: client.brand.get(brand_id)["brand"], "registration_status", "COMPLETED")
    seen |= {"brand_id": brand_id, "company": brand["company_name"], "score": brand["vetting_score"]}
    seen["brands"] = [brand["brand_id"] for brand in client.brand.list(limit=5)["brands"]]
    seen["usecases"] = [one["code"] for one in client.brand.get_usecases(brand_id)["use_cases"]]

    created = client.campaign.create(
        brand_id=brand_id,
        vertical="INSURANCE",
        usecase="MIXED",
        sub_usecases=["CUSTOMER_CARE", "2FA"],
        campaign_alias="care",
        description="Answers to customers who asked us something, and their codes",
        sample1="Your request has been taken: we will call you",
        sample2="Your code is 123456",
        subscriber_optin=True,
        subscriber_optout=True,
        subscriber_help=True,
        url=callback_url,
        method="POST",
    )
    campaign_id = created.campaign_id
    campaign = wait(lambda: client.campaign.get(campaign_id)["campaign"], "registration_status", "ACTIVE")
    seen |= {"campaign_id": campaign_id, "sub_usecase": campaign["sub_usecase"], "sample": campaign["sample2"]}
    listed = client.campaign.list(brand_id=brand_id, registration_status="ACTIVE")
    seen["campaigns"] = [campaign["campaign_id"] for campaign in listed["campaigns"]]

    client.campaign.number_link(campaign_id, url=callback_url, method="GET", numbers=NUMBERS)
    for number in NUMBERS:
        wait(lambda: client.campaign.get_number(campaign_id, number)["phone_numbers"][0], "status", "COMPLETED")
    client.campaign.number_unlink(campaign_id, NUMBERS[0], url=callback_url, method="POST")
    seen["unlinked"] = wait_until_gone(lambda: client.campaign.get_number(campaign_id, NUMBERS[0]))
    seen["numbers"] = client.campaign.get_numbers(campaign_id)["phone_numbers"]

    taken = client.campaign.import_campaign(IMPORTED, "taken over", url=callback_url, method="GET")
    imported = wait(lambda: client.campaign.get(IMPORTED)["campaign"], "registration_status", "ACTIVE")
    seen["imported"] = {"id": taken.campaign_id, "message": taken.message, "source": imported["campaign_source"]}
    shared = client.campaign.list(campaign_source="shared")["campaigns"]
    seen["shared"] = [campaign["campaign_id"] for campaign in shared]

    seen["shown"] = {
        "brand": [
            client.brand.list(limit=5)["brands"][0]["registration_status"],
            client.brand.get(brand_id)["brand"]["registration_status"],
        ],
        "campaign": [
            client.campaign.list(limit=5)["campaigns"][0]["registration_status"],
            client.campaign.get(campaign_id)["campaign"]["registration_status"],
        ],
    }

    seen["imported_twice"] = refusal(
        plivo.exceptions.ValidationError,
        lambda: client.campaign.import_campaign(IMPORTED, "again", url=callback_url, method="POST"),
    )
    seen["refused"] = refusal(
        plivo.exceptions.ValidationError,
        lambda: client.campaign.create(brand_id="BNONE00", vertical="FUN", usecase="MIXED"),
    )
    stranger = plivo.RestClient(auth_id, "wrong")
    seen["stranger"] = refusal(plivo.exceptions.AuthenticationError, lambda: stranger.brand.list())
    print(json.dumps(seen, default=vars))


def wait(look, field, wanted):
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found[field] == wanted:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"{field} is still {found[field]}, not {wanted}")
        time.sleep(0.05)


def wait_until_gone(look):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            look()
        except plivo.exceptions.ResourceNotFoundError as error:
            return str(error)
        time.sleep(0.05)
    sys.exit("the number is still there")


def refusal(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    sys.exit(f"not refused with {kind.__name__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
