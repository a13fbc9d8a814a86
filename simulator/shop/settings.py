"""Settings of the simulated shop: held to figures of Complete Journey, not to which profiler wins."""

from __future__ import annotations

from pydantic import Field, model_validator

from simulator.feed.part import SimulatorPart


class ShopSettings(SimulatorPart):
    """A shop of the feed's accounts; the defaults buy little at a time, as from a mail-order shop."""

    days_before: int = Field(default=365, ge=0, description="days of shopping before the feed's first day")
    account_share: float = Field(default=1.0, gt=0, le=1, description="share of accounts that shop at all")
    joined_share: float = Field(
        default=0.08, ge=0, le=1, description="share of them that begin within the days before"
    )

    genres: int = Field(default=16, ge=1, le=100)  #: top level of the genre path
    categories_per_genre: int = Field(default=6, ge=1, le=100)  #: second level
    types_per_category: int = Field(default=3, ge=1, le=10)  #: third level
    genre_skew: float = Field(default=1.0, ge=0, description="exponent of Zipf's law of genres")
    brands: int = Field(default=640, ge=2, le=30_000, description="each at home in one category")
    brand_skew: float = Field(
        default=1.9, ge=0, description="exponent of Zipf's law of brands within a category"
    )
    born_share: float = Field(default=0.08, ge=0, lt=1, description="share of brands born within the days")
    launch: float = Field(default=1.0, ge=0, description="log-gain of a brand on the day of its birth")
    unbranded: float = Field(default=0.03, ge=0, lt=1, description="share of new choices without a brand")

    baskets_per_year: float = Field(default=50.0, gt=0, description="mean of an account")
    items_per_basket: float = Field(default=2.9, ge=1.05, description="mean of a basket")
    activity_spread: float = Field(
        default=1.0, ge=0, description="power of an exponential that an account's baskets a year follow"
    )
    activity_like_feed: float = Field(
        default=0.3, ge=-1, le=1, description="how far those that read often buy often (correlation)"
    )
    activity_drift: float = Field(default=0.42, ge=0, description="amplitude of its slow drift, in logs")
    basket_spread: float = Field(default=0.35, ge=0, description="σ of the log of an account's basket size")
    habit: float = Field(default=0.8, ge=0, le=1, description="how far accounts differ in hours and weekdays")
    payday: float = Field(default=1.15, ge=1, description="gain on the two days after the 25th and the 1st")

    interest: float = Field(default=0.8, ge=0, description="weight of the feed's interests in the genre")
    category_taste: float = Field(default=0.65, ge=0, description="σ of an account's liking of a category")
    brand_taste: float = Field(default=0.6, ge=0, description="σ of an account's liking of a brand, in logs")
    taste_from_interests: float = Field(
        default=0.6, ge=0, le=1, description="share of the variance of taste that the interests tell"
    )
    season: float = Field(default=0.35, ge=0, description="σ of a genre's swing over the year, in logs")
    explore: float = Field(
        default=0.3, gt=0, le=1, description="chance that an item of a well-known category is chosen anew"
    )
    explore_items: float = Field(
        default=0.4, gt=0, description="items of a category after which half of the search is over"
    )
    novelty_spread: float = Field(default=0.3, ge=0, description="σ of the log of `explore` over accounts")
    promotion: float = Field(default=0.9, ge=0, description="log-gain of a brand in its weeks of promotion")
    promotion_share: float = Field(default=0.12, ge=0, le=1, description="share of weeks with one")

    price_spread: float = Field(default=0.6, ge=0, description="σ of the log of a brand's price level")
    cancelled: float = Field(default=0.02, ge=0, lt=1, description="share of purchases that are cancelled")
    cancel_days: float = Field(default=3.0, gt=0, description="mean days until the cancellation")

    points_share: float = Field(default=0.7, ge=0, le=1, description="share of accounts that collect points")
    points_rate: float = Field(default=10.0, ge=0, description="points of a unit of money")
    points_used: float = Field(
        default=0.12, ge=0, le=0.5, description="mean share of baskets that use them all"
    )
    campaign_days: int = Field(
        default=28, ge=1, description="days from one grant of limited points to the next"
    )
    campaign_share: float = Field(
        default=0.4, ge=0, le=1, description="share of those granted some each time"
    )
    campaign_lasts: int = Field(default=21, ge=1, description="days until limited points expire")
    campaign_used: float = Field(
        default=0.4, ge=0, le=0.5, description="mean chance that the next basket uses them"
    )

    survey_share: float = Field(
        default=0.33, ge=0, le=1, description="share of accounts that answer a survey"
    )
    survey_days: int = Field(
        default=365, ge=1, description="days from an account's first on, within which it answers"
    )
    unanswered: float = Field(default=0.05, ge=0, lt=1, description="share of its questions left open")
    label_days: int = Field(default=91, ge=1, description="days whose use of the shop is one label")

    @model_validator(mode="after")
    def _one_campaign_at_a_time(self) -> ShopSettings:
        if self.campaign_lasts > self.campaign_days:
            raise ValueError(
                f"campaign_lasts is {self.campaign_lasts} days, but the next campaign begins after "
                f"campaign_days = {self.campaign_days}: limited points of two at once are not simulated"
            )
        return self

    @classmethod
    def tiny(cls) -> ShopSettings:
        """Few genres and brands for tests: the same mechanisms, no likeness to a real shop."""
        return cls(
            days_before=60,
            genres=5,
            categories_per_genre=3,
            brands=60,
            baskets_per_year=120,
            campaign_lasts=14,
            survey_share=0.6,
            survey_days=56,
            label_days=28,
        )

    @classmethod
    def groceries(cls) -> ShopSettings:
        """Baskets as many and as full as in Complete Journey, to be compared with it."""
        return cls(
            genre_skew=2.0,
            categories_per_genre=19,
            brands=5300,
            baskets_per_year=63,
            items_per_basket=9.4,
        )
